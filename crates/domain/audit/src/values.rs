//! What is personal beside the log. An entry commits to it and is signed; what it commits to lies sealed beside it, until it is erased.

use std::borrow::Cow;

use async_trait::async_trait;
use ward_kernel::{Commitment, Entity, EventId, SealedBytes, StoreError, SubjectId};

/// A personal value that a change replaced, as its row held it: bound to the same place, under the same key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replaced {
    /// Whose key opens it.
    pub subject: SubjectId,
    /// The row that held it: theirs, or a record's about them.
    pub row: Entity,
    /// In which field.
    pub field: Cow<'static, str>,
    /// The value, and what the log has of it.
    pub sealed: SealedBytes,
}

/// Port: values that changes replaced, to read.
#[async_trait]
pub trait ValuesView: Send {
    /// Those of `subject` to which the log has these commitments; what was erased is missing.
    async fn replaced(
        &mut self,
        subject: SubjectId,
        commitments: &[Commitment],
    ) -> Result<Vec<Replaced>, StoreError>;
}

/// Port: erases what is personal beside the log. Entries stay as they were signed, and every proof holds.
#[async_trait]
pub trait Erasure: Send {
    /// Erases the values of `subject` that changes replaced, and says how many.
    async fn erase_values(&mut self, subject: SubjectId) -> Result<u64, StoreError>;

    /// Erases where the requests of `entries` came from, and that they are found by it; says of how many. One without a place stays as it
    /// is: no search finds it yet. The entries of a unit share one salt, so leave none of them out.
    async fn erase_sources(&mut self, entries: &[EventId]) -> Result<u64, StoreError>;
}
