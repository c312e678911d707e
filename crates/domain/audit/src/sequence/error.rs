use ward_kernel::{SealError, StoreError};

use crate::note::{InvalidKey, InvalidNote};

/// Why a log doesn't grow: nothing is signed over what isn't right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SequenceError {
    /// Its head is older than one that was signed before.
    #[error("the log was taken back from {seen} entries to {found}")]
    TakenBack {
        /// The size that was signed.
        seen: u64,
        /// The size found.
        found: u64,
    },
    /// It goes on from other entries than were signed before.
    #[error("the log has other entries than the {size} that were signed before")]
    Forked {
        /// The size that was signed.
        size: u64,
    },
    /// Nobody known has signed the head.
    #[error("the head of the log isn't signed by its key")]
    Unsigned(#[from] InvalidNote),
    /// The stored tree is not the one that was signed.
    #[error("the stored tree has another root than the head of {size} entries")]
    Diverged {
        /// How many entries the head has.
        size: u64,
    },
    /// What was just stored reads otherwise.
    #[error("entry {index} is not stored as it was written")]
    Rotten {
        /// Its place.
        index: u64,
    },
    /// Something stands where an entry, or a tile, was to be put.
    #[error("place {index}, or a tile that ends behind it, is taken already")]
    Taken {
        /// The place that is next.
        index: u64,
    },
    /// Something is stored beyond its head.
    #[error("something stands where the log has no entry yet")]
    Overgrown,
    /// A search would have passed entries over, until what it lacked was put back.
    #[error("the index of words lacked entries from {index} on: a search would have passed them over")]
    Unfound {
        /// The first place of the tile.
        index: u64,
    },
    /// A search finds entries by what isn't theirs.
    #[error("the index of words has entries from {index} on under words that aren't theirs")]
    Misfound {
        /// The first place of the tile.
        index: u64,
    },
    /// A search of a time would pass entries over.
    #[error("the latest time of the first {size} entries isn't theirs")]
    Misdated {
        /// How many there are.
        size: u64,
    },
    /// It begins where it doesn't say that it does.
    #[error("the log doesn't say that it begins at entry {first}")]
    Unsaid {
        /// At which it begins.
        first: u64,
    },
    /// Its name can't be that of a key.
    #[error("the name of the log is not one that a key can have")]
    Name(#[from] InvalidKey),
    /// The key doesn't sign.
    #[error("the head can't be signed")]
    Key(#[from] SealError),
    /// Storage failed, or another step was in the way.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SequenceError {
    /// Whether another step of the same log was merely in the way.
    pub fn is_raced(&self) -> bool {
        matches!(self, Self::Store(StoreError::Raced(_)))
    }
}
