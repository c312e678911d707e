//! Values about the audit log.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};

use super::Form;

/// Where a page of the log begins: the place above it, in disguise.
pub(crate) enum Place {}

/// The name of an action in the audit log.
pub(crate) enum ActionName {}

/// The name of an action of a product's own.
pub(crate) enum OwnAction {}

/// A short name, such as that of a kind of row.
pub(crate) enum Name {}

/// A network address: IPv4 or IPv6.
pub(crate) enum Address {}

/// How many entries a log has.
pub(crate) enum Size {}

impl Form for Address {
    type Value = IpAddr;

    fn parse(text: &str) -> Result<IpAddr, &'static str> {
        let address = text.parse().map_err(|_| "must be an IPv4 or IPv6 address")?;
        Ok(IpAddr::to_canonical(&address))
    }

    fn write(address: &IpAddr) -> String {
        address.to_string()
    }

    fn schema() -> MetaSchema {
        let of = |format| {
            MetaSchemaRef::Inline(Box::new(MetaSchema { format: Some(format), ..MetaSchema::new("string") }))
        };
        MetaSchema { any_of: vec![of("ipv4"), of("ipv6")], ..MetaSchema::new("string") }
    }
}

impl Size {
    const MOST: u64 = 1_000_000_000_000;
}

impl Form for Size {
    type Value = u64;

    fn parse(text: &str) -> Result<u64, &'static str> {
        let size = text.parse().ok().filter(|size: &u64| size.to_string() == text);
        size.filter(|size| *size <= Self::MOST).ok_or("must be a whole number from 0 to 1000000000000")
    }

    fn write(size: &u64) -> String {
        size.to_string()
    }

    fn schema() -> MetaSchema {
        MetaSchema { minimum: Some(0.0), maximum: Some(Self::MOST as f64), ..MetaSchema::new("integer") }
    }
}

impl Form for Place {
    type Value = u64;

    fn parse(text: &str) -> Result<u64, &'static str> {
        let place = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        place.map(u64::from_be_bytes).ok_or("must be the `next_cursor` of an earlier page")
    }

    fn write(place: &u64) -> String {
        URL_SAFE_NO_PAD.encode(place.to_be_bytes())
    }

    /// 8 bytes in 11 characters, the last of which has 2 bits to spare.
    fn schema() -> MetaSchema {
        MetaSchema {
            pattern: Some("^[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048]$".into()),
            ..MetaSchema::new("string")
        }
    }
}

impl Form for ActionName {
    type Value = String;

    fn parse(text: &str) -> Result<String, &'static str> {
        let fits = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'.'));
        if fits { Ok(text.to_owned()) } else { Err("must be an action, such as `subject.created`") }
    }

    fn write(name: &String) -> String {
        name.clone()
    }

    fn schema() -> MetaSchema {
        MetaSchema { pattern: Some("^[a-z_.]+$".into()), ..MetaSchema::new("string") }
    }
}

impl OwnAction {
    const MOST: usize = 100;
}

impl Form for OwnAction {
    type Value = String;

    fn parse(text: &str) -> Result<String, &'static str> {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        let fits = text.len() <= Self::MOST && text.contains('.') && text.split('.').all(is_word);
        if fits { Ok(text.to_owned()) } else { Err("must be an action, such as `invoice.approved`") }
    }

    fn write(name: &String) -> String {
        name.clone()
    }

    fn schema() -> MetaSchema {
        let pattern = Some(r"^[a-z_]+(\.[a-z_]+)+$".into());
        MetaSchema { pattern, max_length: Some(Self::MOST), ..MetaSchema::new("string") }
    }
}

impl Name {
    const MOST: usize = 50;

    /// Whether `text` is such a name.
    pub(crate) fn is(text: &str) -> bool {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        (1..=Self::MOST).contains(&text.len()) && text.bytes().all(word)
    }
}

impl Form for Name {
    type Value = String;

    fn parse(text: &str) -> Result<String, &'static str> {
        if Self::is(text) {
            Ok(text.to_owned())
        } else {
            Err("must be 1 to 50 small letters and underscores")
        }
    }

    fn write(name: &String) -> String {
        name.clone()
    }

    fn schema() -> MetaSchema {
        let pattern = Some("^[a-z_]+$".into());
        MetaSchema { pattern, max_length: Some(Self::MOST), ..MetaSchema::new("string") }
    }
}

#[cfg(test)]
mod tests {
    use super::super::forms::tests::assert_one_way;
    use super::*;

    #[test]
    fn what_is_asked_of_the_log_is_written_one_way() {
        assert_one_way::<OwnAction>(
            &["invoice.approved", "a.b.c_d"],
            &["", "a", "a.", ".a", "a..b", "A.b", "a.b1"],
        );
        assert_one_way::<Name>(&["invoice", "x_y"], &["", "A", "a b", "a.b", "a1"]);
        assert_one_way::<Place>(&["AAAAAAAAAAA", "AAAAAAAAB9M"], &["", "AAAAAAAAAAB", "AAAAAAAAAAAA"]);
        assert_one_way::<ActionName>(&["subject.created"], &["", "a b", "a\0", "Subject.created"]);
    }
}
