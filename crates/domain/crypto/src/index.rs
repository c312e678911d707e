use ward_kernel::{BlindIndex, Indexer};

use crate::material::{Hmac256, Material, redacted};
use crate::versions::Versions;

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
    let code = key.of_prefixed([column.as_bytes(), value]);
    let mut index = BlindIndex([0; 16]);
    index.0.iter_mut().zip(code).for_each(|(to, from)| *to = from);
    index
}

redacted!(IndexKey);
