use std::fmt;
use std::str::FromStr;

const SCHEME: &str = "aws-kms:";
const LONGEST: usize = 192;
const LONGEST_WORD: usize = 32;

/// A key in AWS KMS: `aws-kms:arn:PARTITION:kms:REGION:ACCOUNT:key/ID`.
///
/// Only a key itself has such an address, and no alias of it: whoever may move an alias may swap the key behind it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeyArn {
    arn: String,
    region: String,
}

/// Why an address is not that of a key in AWS KMS.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidArn {
    /// It is somebody else's address, or far too long.
    #[error("the address of a key in AWS KMS is `aws-kms:arn:PARTITION:kms:REGION:ACCOUNT:key/ID`")]
    Shape,
    /// It is an alias, which may be moved to another key.
    #[error("an alias may be moved to another key: name the key itself")]
    Alias,
    /// There can be no such partition.
    #[error("the partition is `aws`, or begins with `aws-`")]
    Partition,
    /// There can be no such region.
    #[error("the region is written like `eu-central-1`")]
    Region,
    /// There can be no such account.
    #[error("the account has 12 digits")]
    Account,
    /// There can be no such key.
    #[error("the key's id is a UUID, or `mrk-` and 32 hexadecimal digits, in lower case")]
    Id,
}

impl KeyArn {
    /// The key's name among all of AWS's.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The region whose KMS answers for the key.
    pub fn region(&self) -> &str {
        &self.region
    }
}

impl FromStr for KeyArn {
    type Err = InvalidArn;

    fn from_str(address: &str) -> Result<Self, InvalidArn> {
        let arn = address.strip_prefix(SCHEME).filter(|arn| arn.len() <= LONGEST).ok_or(InvalidArn::Shape)?;
        let parts: Vec<_> = arn.split(':').collect();
        let ["arn", partition, "kms", region, account, resource] = *parts.as_slice() else {
            return Err(InvalidArn::Shape);
        };
        let id = match resource.split_once('/') {
            Some(("key", id)) => id,
            Some(("alias", _)) => return Err(InvalidArn::Alias),
            _ => return Err(InvalidArn::Shape),
        };
        let checks = [
            (is_partition(partition), InvalidArn::Partition),
            (is_region(region), InvalidArn::Region),
            (account.len() == 12 && all(account, |byte| byte.is_ascii_digit()), InvalidArn::Account),
            (is_id(id), InvalidArn::Id),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, invalid)) => Err(invalid),
            None => Ok(Self { arn: arn.to_owned(), region: region.to_owned() }),
        }
    }
}

/// The address.
impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.arn)
    }
}

fn is_partition(text: &str) -> bool {
    is_word(text) && text.split('-').next() == Some("aws")
}

/// Words and a number, so that no region leads a request to a host that isn't KMS's.
fn is_region(text: &str) -> bool {
    let number = text.rsplit('-').next().unwrap_or_default();
    is_word(text) && text.split('-').count() >= 3 && all(number, |byte| byte.is_ascii_digit())
}

fn is_word(text: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && all(part, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.len() <= LONGEST_WORD && text.split('-').all(part)
}

fn is_id(text: &str) -> bool {
    let is_hex = |text: &str| all(text, |byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    match text.strip_prefix("mrk-") {
        Some(digits) => digits.len() == 32 && is_hex(digits),
        None => text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(is_hex),
    }
}

fn all(text: &str, holds: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(holds)
}

#[cfg(test)]
mod tests {
    use super::{InvalidArn, KeyArn};

    const KEY: &str =
        "aws-kms:arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn a_key_has_one_address_and_gives_it_back() {
        let multi =
            "aws-kms:arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
        for (address, region) in [(KEY, "eu-central-1"), (multi, "us-gov-west-1")] {
            let key: KeyArn = address.parse().unwrap();
            assert_eq!(key.to_string(), address);
            assert_eq!(key.region(), region);
            assert_eq!(format!("aws-kms:{}", key.arn()), address);
        }
    }

    #[test]
    fn what_is_no_key_of_kms_has_no_address() {
        let with = |old: &str, new: &str| KEY.replacen(old, new, 1);
        let wrong = [
            (String::new(), InvalidArn::Shape),
            (with("aws-kms:", ""), InvalidArn::Shape),
            (with("aws-kms:", "aws-kms://"), InvalidArn::Shape),
            (with("aws-kms:", "AWS-KMS:"), InvalidArn::Shape),
            (with(":kms:", ":s3:"), InvalidArn::Shape),
            (with(":key/", ":key:"), InvalidArn::Shape),
            (with(":key/", ":"), InvalidArn::Shape),
            (format!("{KEY}:more"), InvalidArn::Shape),
            (format!("aws-kms:{}", "a".repeat(193)), InvalidArn::Shape),
            (with("key/1234abcd-12ab-34cd-56ef-1234567890ab", "alias/theirs"), InvalidArn::Alias),
            (with(":aws:", "::"), InvalidArn::Partition),
            (with(":aws:", ":amazon:"), InvalidArn::Partition),
            (with(":aws:", ":aws-:"), InvalidArn::Partition),
            (with(":aws:", ":AWS:"), InvalidArn::Partition),
            (with("eu-central-1", ""), InvalidArn::Region),
            (with("eu-central-1", "eu-central"), InvalidArn::Region),
            (with("eu-central-1", "eu-1"), InvalidArn::Region),
            (with("eu-central-1", "eu--central-1"), InvalidArn::Region),
            (with("eu-central-1", "eu-central-1/"), InvalidArn::Region),
            (with("eu-central-1", "evil.example#-eu-1"), InvalidArn::Region),
            (with("eu-central-1", &format!("eu-{}-1", "a".repeat(30))), InvalidArn::Region),
            (with("111122223333", "11112222333"), InvalidArn::Account),
            (with("111122223333", "11112222333x"), InvalidArn::Account),
            (with("1234abcd-", "1234ABCD-"), InvalidArn::Id),
            (with("1234abcd-", ""), InvalidArn::Id),
            (with("1234abcd-", "1234abcg-"), InvalidArn::Id),
            (with("key/", "key/mrk-"), InvalidArn::Id),
            (with("key/", "key//"), InvalidArn::Id),
            (format!("{KEY}\n"), InvalidArn::Id),
        ];
        for (address, expected) in wrong {
            assert_eq!(address.parse::<KeyArn>(), Err(expected), "{address}");
        }
    }
}
