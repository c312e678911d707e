use chrono::{DateTime, TimeDelta, Utc};
use ward_crypto::{KeyId, Suite};
use ward_kernel::SubjectId;

use super::ErasureReason;

/// What went with a person's keys.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Gone {
    /// Records about them.
    pub records: u64,
    /// Values beside the log, which changes had replaced.
    pub values: u64,
}

/// What a look at everything that is stored of a person finds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Left {
    /// Keys of theirs that aren't destroyed.
    pub keys: u64,
    /// Rows that hold something of them, or by which they are found.
    pub found: u64,
    /// Records about them.
    pub records: u64,
    /// Values of theirs beside the log.
    pub values: u64,
}

/// Something that was to be destroyed, as it is put down.
#[derive(Clone, Debug)]
pub struct Destruction {
    /// Whose keys.
    pub subject: SubjectId,
    /// Those destroyed, the one that sealed last first.
    pub keys: Vec<KeyId>,
    /// The cipher that they were for.
    pub suite: Suite,
    /// Why.
    pub reason: ErasureReason,
    /// What went with them.
    pub gone: Gone,
    /// For how many days backups are kept, as far as anybody said.
    pub kept_days: Option<u32>,
    /// When it happened first, if this is the second time; otherwise it is now, by the database's clock.
    pub first: Option<DateTime<Utc>>,
}

/// The record of an erasure.
#[derive(Clone, Debug)]
pub struct KeyDestroyed {
    /// Whose keys.
    pub subject: SubjectId,
    /// Those destroyed, the one that sealed last first.
    pub keys: Vec<KeyId>,
    /// The cipher that they were for.
    pub suite: Suite,
    /// Why.
    pub reason: ErasureReason,
    /// When, by the database's clock.
    pub destroyed_at: DateTime<Utc>,
    /// What went with them.
    pub gone: Gone,
    /// What was found in the same transaction, afterwards.
    pub left: Left,
    /// For how many days backups were kept then; unknown, if nobody said.
    pub kept_days: Option<u32>,
    /// When it was done again, after a restore.
    pub replayed_at: Option<DateTime<Utc>>,
    /// Its number in the ledger, and since when it lies there.
    pub entered: Option<(u64, DateTime<Utc>)>,
}

impl KeyDestroyed {
    /// When the last backup has expired that holds a key: from then on nobody can read what it sealed. Unknown, where nobody
    /// said for how long backups are kept. A backup taken between a restore and what was done again after it holds the key anew.
    pub fn effective_at(&self) -> Option<DateTime<Utc>> {
        let kept = TimeDelta::try_days(i64::from(self.kept_days?))?;
        self.replayed_at.unwrap_or(self.destroyed_at).checked_add_signed(kept)
    }
}
