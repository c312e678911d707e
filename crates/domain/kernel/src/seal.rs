use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Entity, StoreError, SubjectId, TenantId};

/// Where a value lies: tenant, table and row, and column. A sealed value opens nowhere else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place<'a> {
    /// Whose it is.
    pub tenant: TenantId,
    /// Table (the entity's kind) and row.
    pub row: Entity,
    /// Column, or the field within it.
    pub column: &'a str,
}

/// A keyed, salted digest of a value: shows later that it was the one meant, and nothing before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Commitment(pub [u8; 32]);

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written in one piece: an imported row has some sixteen of them.
        let digit = |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
        let digits: String = self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        f.write_str(&digits)
    }
}

/// A value nobody can read, and the commitment to what it was. What the bytes mean is the sealer's business.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SealedBytes {
    /// The sealed value.
    pub bytes: Vec<u8>,
    /// Ties the audit log to it.
    pub commitment: Commitment,
}

/// Port: seals values under one key.
pub trait Sealer: Send + Sync {
    /// Seals `text` for `place`.
    fn seal(&self, place: Place<'_>, text: &[u8]) -> Result<SealedBytes, SealError>;

    /// Seals the values of several columns of one row, in their order; cheaper than one by one.
    fn seal_row(
        &self,
        tenant: TenantId,
        row: Entity,
        columns: &[(&str, &[u8])],
    ) -> Result<Vec<SealedBytes>, SealError> {
        columns.iter().map(|(column, text)| self.seal(Place { tenant, row, column }, text)).collect()
    }
}

/// A keyed digest of a normalised value, for equality search over sealed ones. Equal values of one tenant and
/// column show as equal.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BlindIndex(pub [u8; 16]);

/// Port: blind indexes under one tenant's key.
pub trait Indexer: Send + Sync {
    /// The index of `value` in `column`; other columns and tenants give others.
    fn index(&self, column: &str, value: &[u8]) -> BlindIndex;

    /// Every index of `value` that may be stored: one for each version of the key, that of [`index`](Self::index) first. To be
    /// looked for together.
    fn indexes(&self, column: &str, value: &[u8]) -> Vec<BlindIndex> {
        vec![self.index(column, value)]
    }
}

/// Port: the keys of one tenant's subjects, each wrapped under the tenant's.
#[async_trait]
pub trait SubjectKeys: Send {
    /// Makes a key for each of `subjects`, which have none yet, in their order.
    async fn make(&mut self, subjects: &[SubjectId]) -> Result<Vec<Arc<dyn Sealer>>, StoreError>;

    /// The keys of `subjects`, in their order; nothing for one that has none or was erased.
    async fn of(&mut self, subjects: &[SubjectId]) -> Result<Vec<Option<Arc<dyn Sealer>>>, StoreError>;

    /// The tenant's blind indexes.
    fn indexer(&self) -> Arc<dyn Indexer>;
}

/// The value could not be sealed; it must not be stored.
#[derive(Debug, thiserror::Error)]
#[error("the value could not be sealed")]
pub struct SealError;
