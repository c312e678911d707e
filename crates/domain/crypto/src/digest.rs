use subtle::ConstantTimeEq as _;

use crate::material::{Hmac256, Material, redacted};
use crate::versions::Versions;

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

redacted!(DigestKey);
