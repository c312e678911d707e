use std::fmt;

use subtle::ConstantTimeEq;
use ward_kernel::Entropy;
use zeroize::Zeroizing;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BODY: usize = 22;
const CHECKSUM: usize = 6;
const HINT: usize = 4;

/// How a deployment's API keys look, so that people and secret scanners know one when they see it:
/// `^[a-z]{2,8}_(live|test)_[0-9A-Za-z]{22}([0-9A-Za-z]{6})?$`.
///
/// The 22 are random, 130.99 bits; the 6, where there are any, are the base62 CRC-32 of the 22.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Format {
    prefix: String,
    checksum: bool,
}

impl Format {
    /// Keys that start with `prefix`, 2 to 8 lower-case letters; with a checksum or, where a published page
    /// fixes their length at 22 characters, without.
    pub fn new(prefix: &str, checksum: bool) -> Result<Self, InvalidFormat> {
        let lower = prefix.bytes().all(|letter| letter.is_ascii_lowercase());
        if !lower || !(2..=8).contains(&prefix.len()) {
            return Err(InvalidFormat);
        }
        Ok(Self { prefix: prefix.to_owned(), checksum })
    }

    /// What every key of `mode` starts with, such as `wd_live_`.
    pub fn start(&self, mode: Mode) -> String {
        format!("{}_{}_", self.prefix, mode.as_str())
    }

    /// A new key, each character drawn evenly.
    pub fn random(&self, mode: Mode, entropy: &dyn Entropy) -> ApiKeySecret {
        let start = self.start(mode);
        let mut text = Zeroizing::new(String::with_capacity(start.len() + BODY + CHECKSUM));
        text.push_str(&start);
        let mut drawn = Zeroizing::new([0; 32]);
        while text.len() < start.len() + BODY {
            entropy.fill(drawn.as_mut_slice());
            // 248 is the greatest multiple of 62 in a byte; what lies above would favour the first characters.
            let even = drawn.iter().filter(|byte| **byte < 248).map(|byte| base62(u32::from(*byte)));
            let missing = start.len() + BODY - text.len();
            text.extend(even.take(missing));
        }
        if self.checksum {
            let sum = text.get(start.len()..).map(checksum);
            text.extend(sum.into_iter().flatten());
        }
        ApiKeySecret { text, mode, start: start.len() }
    }

    /// Reads what a caller presents; looks at nothing but its form.
    pub fn parse(&self, text: &str) -> Result<ApiKeySecret, InvalidSecret> {
        let (prefix, rest) = text.split_once('_').ok_or(InvalidSecret::Form)?;
        let (mode, rest) = rest.split_once('_').ok_or(InvalidSecret::Form)?;
        if prefix != self.prefix {
            return Err(InvalidSecret::Prefix);
        }
        let mode = Mode::parse(mode).ok_or(InvalidSecret::Form)?;
        let length = if self.checksum { BODY + CHECKSUM } else { BODY };
        if rest.len() != length || !rest.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
            return Err(InvalidSecret::Form);
        }
        let (body, sum) = rest.split_at_checked(BODY).ok_or(InvalidSecret::Form)?;
        if self.checksum && !checksum(body).into_iter().eq(sum.chars()) {
            return Err(InvalidSecret::Checksum);
        }
        let start = text.len() - rest.len();
        Ok(ApiKeySecret { text: Zeroizing::new(text.to_owned()), mode, start })
    }
}

/// Whether a key acts on real data, or in the tenant's linked sandbox only.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Mode {
    /// The tenant itself.
    Live,
    /// Its sandbox.
    Test,
}

impl Mode {
    /// The word in the key, and the one stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// The mode that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Live, Self::Test].into_iter().find(|mode| mode.as_str() == word)
    }
}

/// An API key in clear: shown once when it is made, presented with each request, stored never. It prints
/// nothing, and is wiped when dropped.
pub struct ApiKeySecret {
    text: Zeroizing<String>,
    mode: Mode,
    start: usize,
}

impl ApiKeySecret {
    /// **Danger.** The key itself, for the one answer that shows it.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What it says it is for; believe it only when the digest was found.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Enough to know it again, and to guess it no more easily: its start and its last four characters.
    pub fn hint(&self) -> String {
        let start = self.text.get(..self.start).unwrap_or_default();
        let last = self.text.get(self.text.len() - HINT..).unwrap_or_default();
        format!("{start}…{last}")
    }

    /// What is stored of it, by a 32-byte code under a key that the database doesn't have.
    pub fn digest(&self, code: impl Fn(&[u8]) -> [u8; 32]) -> SecretDigest {
        SecretDigest(code(self.text.as_bytes()))
    }

    /// What may be stored of it: one digest for each version of that key.
    pub fn digests(&self, codes: impl Fn(&[u8]) -> Vec<[u8; 32]>) -> Vec<[u8; 32]> {
        codes(self.text.as_bytes())
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeySecret(..)")
    }
}

/// What a key is found by. Two compare in constant time.
#[derive(Clone, Copy)]
pub struct SecretDigest(pub [u8; 32]);

impl PartialEq for SecretDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretDigest {}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

fn base62(digit: u32) -> char {
    BASE62.get(digit as usize % BASE62.len()).copied().map_or('0', char::from)
}

/// CRC-32 (IEEE 802.3) in base62, six digits.
fn checksum(body: &str) -> [char; CHECKSUM] {
    let crc = !body.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    let mut left = crc;
    let mut digits = ['0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = base62(left % 62);
        left /= 62;
    }
    digits
}

/// A prefix must be 2 to 8 lower-case letters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the prefix of API keys must be 2 to 8 lower-case letters")]
pub struct InvalidFormat;

/// Why a text is no key of this deployment, whatever the database holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSecret {
    /// Not the form of a key at all.
    #[error("not an API key")]
    Form,
    /// The key of something else.
    #[error("not an API key of this service")]
    Prefix,
    /// Mistyped, or made up.
    #[error("the API key's checksum is wrong")]
    Checksum,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_the_published_one() {
        let of = |body| checksum(body).iter().collect::<String>();
        assert_eq!(of("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"), "0mLq17");
        assert_eq!(of("0123456789ABCDEFGHIJKL"), "0o29GM");
        assert_eq!(of(""), "000000");
    }
}
