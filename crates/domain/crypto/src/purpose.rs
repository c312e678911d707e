use subtle::ConstantTimeEq as _;
use ward_kernel::{BlindIndex, Indexer, Place, SealError};

use crate::material::{Hmac256, Material, redacted};
use crate::sealed::{Malformed, Sealed, Sealing};
use crate::versions::Versions;
use crate::{Clear, KeyId};

/// A tenant's key for blind indexes: HMAC-SHA256 over column and value, each with its length before it, cut to
/// 16 bytes.
///
/// Equal values show as equal, so how often each occurs shows too: never index what has few values, such as a
/// sex or a flag.
pub struct IndexKey(Versions<Hmac256>);

impl IndexKey {
    pub(crate) fn new(versions: Versions<Hmac256>) -> Self {
        Self(versions)
    }

    /// Whether there is more than one version: then a value may be stored under an index that isn't the newest.
    pub fn is_turning(&self) -> bool {
        self.0.count() > 1
    }

    /// The index under the oldest version, which stays the same for good: for what is never indexed anew.
    pub(crate) fn lasting(&self, column: &str, value: &[u8]) -> BlindIndex {
        index(self.0.oldest(), column, value)
    }

    pub(crate) fn version(key: &Material) -> Hmac256 {
        Hmac256::new(&key.derive(b"ward v1 index"))
    }
}

impl Indexer for IndexKey {
    fn index(&self, column: &str, value: &[u8]) -> BlindIndex {
        index(self.0.current(), column, value)
    }

    fn indexes(&self, column: &str, value: &[u8]) -> Vec<BlindIndex> {
        self.0.all().map(|key| index(key, column, value)).collect()
    }
}

fn index(key: &Hmac256, column: &str, value: &[u8]) -> BlindIndex {
    let (column, length) = (column.as_bytes(), |part: &[u8]| (part.len() as u64).to_be_bytes());
    let code = key.of(&[&length(column), column, &length(value), value]);
    let mut index = BlindIndex([0; 16]);
    index.0.iter_mut().zip(code).for_each(|(to, from)| *to = from);
    index
}

/// A tenant's key for keyed digests: HMAC-SHA256, whole.
pub struct DigestKey(Versions<Hmac256>);

impl DigestKey {
    /// The digest of `text` for what is new; nobody without the key can check a guess at it.
    pub fn digest(&self, text: &[u8]) -> [u8; 32] {
        self.0.current().of(&[text])
    }

    /// The digests of `text` that may be stored, one for each version of the key; the first is [`digest`](Self::digest).
    pub fn digests(&self, text: &[u8]) -> Vec<[u8; 32]> {
        self.0.all().map(|key| key.of(&[text])).collect()
    }

    /// Whether `digest` is that of `text` under any version, in constant time.
    pub fn is_of(&self, text: &[u8], digest: &[u8]) -> bool {
        self.0.all().fold(false, |is, key| is | bool::from(key.of(&[text]).ct_eq(digest)))
    }

    pub(crate) fn new(versions: Versions<Hmac256>) -> Self {
        Self(versions)
    }

    pub(crate) fn version(key: &Material) -> Hmac256 {
        Hmac256::new(&key.derive(b"ward v1 digest"))
    }
}

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
