use std::str;
use std::sync::Arc;

use ward_audit::Receipt;
use ward_kernel::{Clock, Commitment, Place};
use zeroize::Zeroizing;

use crate::material::redacted;
use crate::sealed::{Malformed, Sealed};
use crate::{KeyId, SubjectKey};

/// The only way to a person's values in clear: no receipt, no plaintext.
///
/// ```
/// # use ward_audit::Receipt;
/// # use ward_crypto::{Clear, OpenError, SubjectKey, Vault};
/// # use ward_kernel::Place;
/// fn read(vault: &Vault, key: &SubjectKey, at: Place<'_>, sealed: &[u8], receipt: &Receipt) -> Result<Clear, OpenError> {
///     vault.open(key, at, sealed, receipt)
/// }
/// ```
///
/// ```compile_fail
/// # use ward_audit::Receipt;
/// # use ward_crypto::{Clear, OpenError, SubjectKey, Vault};
/// # use ward_kernel::Place;
/// fn read(vault: &Vault, key: &SubjectKey, at: Place<'_>, sealed: &[u8]) -> Result<Clear, OpenError> {
///     vault.open(key, at, sealed)
/// }
/// ```
#[derive(Debug)]
pub struct Vault(Arc<dyn Clock>);

impl Vault {
    /// A vault that reads the time, by which receipts expire, from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(clock)
    }

    /// Opens the value at `place`, if the committed events behind `receipt` say that it is disclosed.
    pub fn open(
        &self,
        key: &SubjectKey,
        place: Place<'_>,
        sealed: &[u8],
        receipt: &Receipt,
    ) -> Result<Clear, OpenError> {
        let sealed = self.admit(key, place, sealed, receipt)?;
        key.open(place, sealed).map(Clear::new).ok_or(OpenError::Forged)
    }

    /// Whether `commitment`, as the audit log holds it, is to `text` as it was sealed at `place`.
    ///
    /// For auditors, who need the receipt all the same: confirming a guess discloses it. The sealed value is the
    /// one stored when the event was written; under any other the answer is no.
    pub fn confirm(
        &self,
        key: &SubjectKey,
        (place, sealed): (Place<'_>, &[u8]),
        text: &[u8],
        commitment: Commitment,
        receipt: &Receipt,
    ) -> Result<bool, OpenError> {
        let sealed = self.admit(key, place, sealed, receipt)?;
        Ok(key.confirms(place, sealed, text, commitment))
    }

    fn admit<'a>(
        &self,
        key: &SubjectKey,
        place: Place<'_>,
        sealed: &'a [u8],
        receipt: &Receipt,
    ) -> Result<Sealed<'a>, OpenError> {
        if !receipt.covers(place, self.0.now()) {
            return Err(OpenError::NotCovered);
        }
        let sealed = Sealed::parse(sealed)?;
        if sealed.key() == key.id() { Ok(sealed) } else { Err(OpenError::OtherKey(sealed.key())) }
    }
}

/// An opened value: prints nothing, and is wiped when dropped.
pub struct Clear(Zeroizing<Vec<u8>>);

impl Clear {
    /// The value.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }

    pub(crate) fn new(text: Zeroizing<Vec<u8>>) -> Self {
        Self(text)
    }
}

redacted!(Clear);

/// Why a value stays sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No committed event of the receipt discloses it, or the receipt expired.
    #[error("the receipt doesn't cover this value")]
    NotCovered,
    /// It was never sealed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It names this key, not the one given.
    #[error("the value is sealed under key `{0}`")]
    OtherKey(KeyId),
    /// It was altered, or moved from another place.
    #[error("the value is not what was sealed here")]
    Forged,
}
