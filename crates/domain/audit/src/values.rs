//! What is personal beside the log. An entry commits to it and is signed; what it commits to lies sealed beside it, until it is erased.

use std::borrow::Cow;

use async_trait::async_trait;
use ward_kernel::{Commitment, Entity, SealedBytes, StoreError, SubjectId};

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
