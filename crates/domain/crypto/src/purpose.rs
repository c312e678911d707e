use std::sync::Arc;

use subtle::ConstantTimeEq as _;
use ward_kernel::{BlindIndex, Entropy, Indexer, Place, SealError, TenantId};

use crate::material::{Hmac256, Material, redacted};
use crate::sealed::{Malformed, Sealed, Sealing};
use crate::suite::Cipher;
use crate::{Clear, KeyId};

/// A tenant's key for blind indexes: HMAC-SHA256 over column and value, each with its length before it, cut to
/// 16 bytes.
///
/// Equal values show as equal, so how often each occurs shows too: never index what has few values, such as a
/// sex or a flag.
pub struct IndexKey(Hmac256);

impl IndexKey {
    pub(crate) fn new(key: &Material) -> Self {
        Self(Hmac256::new(&key.derive(b"ward v1 index")))
    }
}

impl Indexer for IndexKey {
    fn index(&self, column: &str, value: &[u8]) -> BlindIndex {
        let (column, length) = (column.as_bytes(), |part: &[u8]| (part.len() as u64).to_be_bytes());
        let code = self.0.of(&[&length(column), column, &length(value), value]);
        let mut index = BlindIndex([0; 16]);
        index.0.iter_mut().zip(code).for_each(|(to, from)| *to = from);
        index
    }
}

/// A tenant's key for keyed digests: HMAC-SHA256, whole.
pub struct DigestKey(Hmac256);

impl DigestKey {
    /// The digest of `text`; nobody without the key can check a guess at it.
    pub fn digest(&self, text: &[u8]) -> [u8; 32] {
        self.0.of(&[text])
    }

    /// Whether `digest` is that of `text`, in constant time.
    pub fn is_of(&self, text: &[u8], digest: &[u8]) -> bool {
        self.digest(text).ct_eq(digest).into()
    }

    pub(crate) fn new(key: &Material) -> Self {
        Self(Hmac256::new(&key.derive(b"ward v1 digest")))
    }
}

/// A tenant's key for operational secrets, which open without a receipt: where a request came from, stored
/// answers, queued payloads.
///
/// The format is that of [`Sealed`].
pub struct SecretKey(Sealing);

impl SecretKey {
    /// Seals `text` for `place`.
    pub fn seal(&self, place: Place<'_>, text: &[u8]) -> Result<Vec<u8>, SealError> {
        if place.tenant != self.0.tenant {
            return Err(SealError);
        }
        self.0.seal(&self.0.bound_to(place), text)
    }

    /// Opens what was sealed for `place`.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Clear, SecretError> {
        let sealed = Sealed::parse(sealed)?;
        self.0.open(&self.0.bound_to(place), sealed).map(Clear::new).ok_or(SecretError::Forged)
    }

    pub(crate) fn new(tenant: TenantId, id: KeyId, key: &Material, entropy: Arc<dyn Entropy>) -> Self {
        let cipher = Cipher::new(key.suite, &key.derive(b"ward v1 secret"));
        Self(Sealing { tenant, id, suite: key.suite, cipher, entropy })
    }
}

redacted!(IndexKey, DigestKey, SecretKey);

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
