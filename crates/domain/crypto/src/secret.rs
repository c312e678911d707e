use ward_kernel::{Place, SealError};

use crate::material::redacted;
use crate::sealed::{Malformed, Sealed, Sealing};
use crate::versions::Versions;
use crate::{Clear, KeyId};

/// A tenant's key for operational secrets, which open without a receipt: where a request came from, stored
/// answers, queued payloads.
///
/// The format is that of [`Sealed`].
pub struct SecretKey(Versions<Sealing>);

impl SecretKey {
    /// Seals `text` for `place`.
    pub fn seal(&self, place: Place<'_>, text: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.0.current();
        if place.tenant != key.tenant {
            return Err(SealError);
        }
        key.seal(&key.header.at(place), text)
    }

    /// Opens what was sealed for `place`.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Clear, SecretError> {
        let sealed = Sealed::parse(sealed)?;
        let key = self.0.of(sealed.key()).ok_or(SecretError::Forged)?;
        key.open(&key.header.at(place), sealed).map(Clear::new).ok_or(SecretError::Forged)
    }

    /// Seals anew what was sealed for `place` under an older version, so that that one can go; nothing, where it is under the
    /// current one.
    pub fn reseal(&self, place: Place<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>, SecretError> {
        if Sealed::parse(sealed)?.key() == self.id() {
            return Ok(None);
        }
        let text = self.open(place, sealed)?;
        self.seal(place, text.as_bytes()).map(Some).map_err(|_| SecretError::Forged)
    }

    /// The version that what is new is sealed under.
    pub fn id(&self) -> KeyId {
        self.0.current().header.key
    }

    pub(crate) fn new(versions: Versions<Sealing>) -> Self {
        Self(versions)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Sealing> {
        self.0.all()
    }

    pub(crate) fn current(&self) -> &Sealing {
        self.0.current()
    }

    pub(crate) const LABEL: &[u8] = b"ward v1 secret";
}

redacted!(SecretKey);

/// Why an operational secret stays sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It was never sealed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It was altered, moved from another place, or sealed under another key.
    #[error("the secret is not what was sealed here")]
    Forged,
}
