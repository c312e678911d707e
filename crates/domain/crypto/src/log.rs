use chrono::{DateTime, Utc};
use ed25519_dalek::{Signer as _, SigningKey};
use ward_audit::note::{InvalidKey, KeyKind, NoteSigner, VerifierKey};
use ward_kernel::SealError;

use crate::material::{Material, leaving_nothing, redacted};

/// A tenant's key for the heads of its audit log: Ed25519 ([RFC 8032](https://www.rfc-editor.org/rfc/rfc8032)), whose seed is
/// HKDF-Expand(key, "ward v1 log", 32).
pub struct LogKey(Box<SigningKey>);

/// A log's keys, the newest first. While one follows another both sign; those before stay, so that what they signed is known.
pub struct LogKeyring(Vec<(LogKey, Option<DateTime<Utc>>)>);

/// A [`LogKey`] under the name of a log.
pub struct LogSigner {
    key: Box<SigningKey>,
    verifier: VerifierKey,
}

impl LogKeyring {
    /// Each with the time until which the one before it signs too.
    pub(crate) fn new(keys: Vec<(LogKey, Option<DateTime<Utc>>)>) -> Self {
        Self(keys)
    }

    /// All of them, the newest first.
    pub fn all(&self) -> impl Iterator<Item = &LogKey> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Those that sign at `now`, the newest first.
    pub fn signing(&self, now: DateTime<Utc>) -> impl Iterator<Item = &LogKey> {
        let older =
            self.0.iter().take_while(move |(_, until)| until.is_some_and(|until| now < until)).count();
        self.all().take(older + 1)
    }
}

impl LogKey {
    /// What signs the heads of the log called `origin`, which has no spaces and no plus.
    pub fn signer(&self, origin: &str) -> Result<LogSigner, InvalidKey> {
        let key = leaving_nothing(|| self.0.clone());
        let verifier = VerifierKey::new(origin, KeyKind::Note, key.verifying_key().to_bytes())?;
        Ok(LogSigner { key, verifier })
    }

    pub(crate) fn new(key: &Material) -> Self {
        let seed = key.derive(b"ward v1 log");
        leaving_nothing(|| Self(Box::new(SigningKey::from_bytes(&seed))))
    }
}

impl NoteSigner for LogSigner {
    fn key(&self) -> &VerifierKey {
        &self.verifier
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SealError> {
        let signature = leaving_nothing(|| self.key.try_sign(message));
        Ok(signature.map_err(|_| SealError)?.to_bytes())
    }
}

redacted!(LogKey, LogKeyring, LogSigner);

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use ward_audit::note::{KeyKind, NoteSigner as _, VerifierKey};

    use super::LogKey;

    /// Seed, key, message and signature: tests 1 to 3 of [RFC 8032](https://www.rfc-editor.org/rfc/rfc8032#section-7.1) §7.1.
    const SIGNED: [[&str; 4]; 3] = [
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ],
        [
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ],
    ];

    fn unhex(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    #[test]
    fn heads_are_signed_as_rfc_8032_says() {
        for vector in SIGNED {
            let [seed, key, message, signature] = vector.map(unhex);
            let seed = seed.try_into().unwrap();
            let signer = LogKey(Box::new(SigningKey::from_bytes(&seed))).signer("log").unwrap();
            assert_eq!(signer.sign(&message).unwrap()[..], signature);
            let verifier = VerifierKey::new("log", KeyKind::Note, key.try_into().unwrap());
            assert_eq!(signer.key(), &verifier.unwrap());
        }
    }
}
