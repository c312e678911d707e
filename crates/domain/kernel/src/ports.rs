use std::error::Error;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Port: what time it is.
pub trait Clock: Send + Sync {
    /// The present.
    fn now(&self) -> DateTime<Utc>;

    /// The time since 1970 to within a hundredth of a second, for whoever asks often: as [`now`](Self::now), unless something is
    /// quicker.
    fn coarse(&self) -> Duration {
        (self.now() - DateTime::UNIX_EPOCH).to_std().unwrap_or_default()
    }
}

/// Port: new ids.
pub trait Ids: Send + Sync {
    /// A UUIDv7 never given before.
    fn next(&self) -> Uuid;
}

/// Port: randomness fit for keys.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`, or ends the process: there is no service without randomness.
    fn fill(&self, bytes: &mut [u8]);

    /// Fills `bytes` with what must never be given again, but isn't secret: nonces. As [`fill`](Self::fill), unless something is
    /// quicker. Never a key.
    fn fill_nonces(&self, bytes: &mut [u8]) {
        self.fill(bytes);
    }
}

/// Time, ids and randomness together: what a process has of its own.
pub trait Machine: Clock + Ids + Entropy {}

impl<T: Clock + Ids + Entropy> Machine for T {}

/// Why storage did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Nothing was stored.
    #[error("storage failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
    /// A unique key is taken, by this tenant itself.
    #[error("`{constraint}` is taken")]
    Taken {
        /// The constraint's name.
        constraint: String,
    },
    /// Another transaction was in the way: nothing was stored, and the same may well succeed now.
    #[error("another transaction was in the way; nothing was stored")]
    Raced(#[source] Box<dyn Error + Send + Sync>),
    /// A tenant's key can't be had, so nothing of it is read or written.
    #[error("the tenant's key is unavailable")]
    KeyUnavailable(#[source] Box<dyn Error + Send + Sync>),
    /// An earlier statement failed, so the unit can only be dropped.
    #[error("the unit had already failed; nothing was stored")]
    Poisoned,
    /// Events were offered that don't lie in this unit, or not by its leave.
    #[error("the events were recorded in another unit; nothing was stored")]
    ForeignEvents,
    /// The operation is declared as one that changes nothing.
    #[error("the operation doesn't write")]
    ReadOnly,
    /// A stored row is not what the schema promises.
    #[error("`{table}.{column}` holds what the schema forbids")]
    Corrupt {
        /// Where.
        table: &'static str,
        /// In which column.
        column: &'static str,
    },
}

impl fmt::Debug for dyn Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl fmt::Debug for dyn Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}

impl fmt::Debug for dyn Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Machine")
    }
}

impl fmt::Debug for dyn Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}
