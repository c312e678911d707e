//! Witnesses ([tlog-witness](https://c2sp.org/tlog-witness)): others who see every checkpoint of a log grow out of the one before
//! and say so, so that nobody is shown another log than everybody else.

mod answer;
mod decision;
mod request;

use std::error::Error;

use async_trait::async_trait;

use crate::note::{Checkpoint, InvalidNote, Note, Signature};
use crate::tree::Hash;

pub use answer::cosignatures;
pub use decision::{InvalidLogs, Logs, Vouched};
pub use request::AddCheckpoint;

/// Port: a witness.
#[async_trait]
pub trait Witness: Send + Sync {
    /// Its word for `checkpoint`, verified, given the proof that the tree of `old` entries, which it saw last, is the beginning.
    async fn add_checkpoint(
        &self,
        old: u64,
        proof: &[Hash],
        checkpoint: &Note,
    ) -> Result<Vec<Signature>, WitnessError>;
}

/// Why a witness gives its word for nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is not written as the protocol says, or starts from a larger tree than it leads to.
    #[error("not a request that a witness understands")]
    Malformed,
    /// It isn't asked to look at this log.
    #[error("the log is unknown")]
    Unknown,
    /// None of the log's keys has signed the checkpoint, or one of them not this one.
    #[error("no key of the log vouches for the checkpoint")]
    Untrusted,
    /// It has seen another tree last than the request starts from. Larger than the checkpoint's, and the log was set back, or
    /// somebody else brought a later one.
    #[error("the witness has seen {size} entries")]
    Behind {
        /// How many entries it has seen.
        size: u64,
    },
    /// The tree doesn't grow out of the one that it has seen.
    #[error("the tree is no continuation of what the witness has seen")]
    Inconsistent,
}

/// Why there is no word of a witness.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// It refuses.
    #[error("the witness refuses the checkpoint")]
    Refused(#[from] Refusal),
    /// What it answered is not its signature of the checkpoint.
    #[error("the witness gives no valid word")]
    Invalid(#[from] InvalidNote),
    /// It doesn't answer as a witness does, or not at all.
    #[error("the witness doesn't answer")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The log has no proof to show.
    #[error("there is no proof to show the witness")]
    Unproven(#[source] Box<dyn Error + Send + Sync>),
}

/// Asks `witness` for its word for `checkpoint`, taking it to have seen `old` entries; where it has seen others, once more from
/// there. `proof` shows that the tree of so many entries is the beginning.
pub async fn cosign<F, E>(
    witness: &dyn Witness,
    checkpoint: &Note,
    old: u64,
    mut proof: impl FnMut(u64) -> F,
) -> Result<Vec<Signature>, WitnessError>
where
    F: Future<Output = Result<Vec<Hash>, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let unproven = |error: E| WitnessError::Unproven(error.into());
    let size = Checkpoint::parse(checkpoint)?.size;
    let path = proof(old).await.map_err(unproven)?;
    match witness.add_checkpoint(old, &path, checkpoint).await {
        Err(WitnessError::Refused(Refusal::Behind { size: seen })) if seen <= size && seen != old => {
            let path = proof(seen).await.map_err(unproven)?;
            witness.add_checkpoint(seen, &path, checkpoint).await
        }
        answer => answer,
    }
}
