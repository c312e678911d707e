use chrono::{DateTime, Utc};
use ed25519_dalek::{Signer as _, SigningKey};
use ward_audit::note::{InvalidKey, KeyKind, NoteSigner, VerifierKey};
use ward_kernel::SealError;

use crate::material::{Material, redacted};

/// A tenant's key for the heads of its audit log: Ed25519 ([RFC 8032](https://www.rfc-editor.org/rfc/rfc8032)), whose seed is
/// HKDF-Expand(key, "ward v1 log", 32).
pub struct LogKey(SigningKey);

/// A log's keys, the newest first. While one follows another both sign; those before stay, so that what they signed is known.
pub struct LogKeyring(Vec<(LogKey, Option<DateTime<Utc>>)>);

/// A [`LogKey`] under the name of a log.
pub struct LogSigner {
    key: SigningKey,
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
        let key = self.0.clone();
        let verifier = VerifierKey::new(origin, KeyKind::Note, key.verifying_key().to_bytes())?;
        Ok(LogSigner { key, verifier })
    }

    pub(crate) fn new(key: &Material) -> Self {
        Self(SigningKey::from_bytes(&key.derive(b"ward v1 log")))
    }
}

impl NoteSigner for LogSigner {
    fn key(&self) -> &VerifierKey {
        &self.verifier
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SealError> {
        Ok(self.key.try_sign(message).map_err(|_| SealError)?.to_bytes())
    }
}

redacted!(LogKey, LogKeyring, LogSigner);
