//! Keys that others follow, while everything stays readable.
//!
//! A rotation is of one kind of key. A next version is made, and serves for what is new once every replica has it. Then what is under the
//! versions before is moved, in batches that each commit what they moved: whoever is killed leaves nothing half done. A version
//! that nothing needs any more is [retired](KeyUpkeep::retire): destroyed for good.
//!
//! A subject has no versions: a person's key is followed at once, and all that it sealed is sealed anew in the same commit.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ward_audit::Event;
use ward_crypto::{KeyId, KeyPurpose, StoredKeys, WrappedKey};
use ward_kernel::{Action, Operation, Requires, RotationId, StoreError, Uuid};

use crate::Unit;

/// Somebody asked for rotations, some of which may have been under way.
pub const ROTATION_REQUESTED: Action = Action::new("key.rotation_requested");
/// The rotation of a kind of key began.
pub const ROTATION_STARTED: Action = Action::new("key.rotation_started");
/// It rests until it is resumed.
pub const ROTATION_PAUSED: Action = Action::new("key.rotation_paused");
/// It goes on.
pub const ROTATION_RESUMED: Action = Action::new("key.rotation_resumed");
/// Its work stopped where it was: it was paused, or failed again and again and is tried anew later.
pub const ROTATION_INTERRUPTED: Action = Action::new("key.rotation_interrupted");
/// All that was under older versions is under the newest.
pub const ROTATION_COMPLETED: Action = Action::new("key.rotation_completed");
/// A key was followed by another.
pub const KEY_ROTATED: Action = Action::new("key.rotated");
/// Some of what was under an older version is under the newest.
pub const KEY_MOVED: Action = Action::new("key.values_moved");
/// Versions that nothing needs any more were destroyed.
pub const KEY_RETIRED: Action = Action::new("key.retired");

/// Begins rotations.
pub static ROTATE_KEYS: Operation = Operation {
    controls: &["C4"],
    idempotent: true,
    ..Operation::change("rotateKeys", "keys.rotate", &[ROTATION_REQUESTED, ROTATION_STARTED])
};

/// Lists rotations.
pub static LIST_ROTATIONS: Operation =
    Operation { controls: &["C4"], ..Operation::read("listRotations", "keys.read", &[]) };

/// Shows one.
pub static SHOW_ROTATION: Operation =
    Operation { controls: &["C4"], ..Operation::read("showRotation", "keys.read", &[]) };

/// Has one rest.
pub static PAUSE_ROTATION: Operation =
    Operation { controls: &["C4"], ..Operation::change("pauseRotation", "keys.rotate", &[ROTATION_PAUSED]) };

/// Has one go on.
pub static RESUME_ROTATION: Operation = Operation {
    controls: &["C4"],
    ..Operation::change("resumeRotation", "keys.rotate", &[ROTATION_RESUMED])
};

/// Takes a rotation a step further.
pub static ADVANCE_ROTATION: Operation =
    job("advanceRotation", &[KEY_ROTATED, KEY_MOVED, ROTATION_COMPLETED, ROTATION_INTERRUPTED]);

/// Begins the rotations that are due, and has those go on that must not rest.
pub static SCHEDULE_ROTATIONS: Operation = job("scheduleRotations", &[ROTATION_STARTED, ROTATION_RESUMED]);

/// Destroys versions that nothing needs any more.
pub static RETIRE_KEYS: Operation = job("retireKeys", &[KEY_RETIRED]);

/// Who does that.
pub const ROTATOR: &str = "rotator";

const fn job(id: &'static str, events: &'static [Action]) -> Operation {
    Operation {
        id,
        requires: Requires::Job(ROTATOR),
        events,
        writes: true,
        discloses: false,
        controls: &["C4"],
        rate: "job",
        idempotent: false,
    }
}

/// The kinds of keys that are rotated so. A log's keys, whose signatures others check, follow each other by
/// [`rotate_log_key`](crate::rotate_log_key).
pub const ROTATED: [KeyPurpose; 9] = [
    KeyPurpose::Tenant,
    KeyPurpose::Subject,
    KeyPurpose::Index,
    KeyPurpose::Audit,
    KeyPurpose::Idempotency,
    KeyPurpose::Queue,
    KeyPurpose::ApiKey,
    KeyPurpose::Import,
    KeyPurpose::Token,
];

/// How many rows are moved in one commit, at most.
const BATCH: u32 = 200;

/// Where a rotation stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RotationState {
    /// It is at work, or waits for its turn.
    Running,
    /// It rests until it is resumed.
    Paused,
    /// There is nothing left to move.
    Ended,
}

impl RotationState {
    /// The word stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }

    /// The state stored as `word`.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Running, Self::Paused, Self::Ended].into_iter().find(|state| state.as_str() == word)
    }
}

/// The rotation of one kind of a tenant's keys.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Names it.
    pub id: RotationId,
    /// Of which kind of key.
    pub purpose: KeyPurpose,
    /// Where it stands.
    pub state: RotationState,
    /// Since when: keys made before are followed. By the database's clock, like theirs.
    pub begun_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// How many rows there were to move; unknown until the first is.
    pub total: Option<u64>,
    /// How many were moved.
    pub done: u64,
    /// The last row that was moved, where they are moved in the order of their ids.
    pub after: Option<Uuid>,
}

/// A version of a key, by the database's clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyVersion {
    /// Which.
    pub id: KeyId,
    /// Since when.
    pub made_at: DateTime<Utc>,
    /// Whether it has been [known](ward_crypto::WrappedKey::known) for longer than anybody keeps keys that were loaded before it was:
    /// nothing new is put under the version before.
    pub settled: bool,
}

/// What was moved at once.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Moved {
    /// Rows, such as people; none, if there is nothing left.
    pub rows: u64,
    /// Values in them.
    pub values: u64,
    /// The last of the rows.
    pub last: Option<Uuid>,
}

/// The next version of a tenant's own key: whoever wraps that key wrapped it, and gave it back, while no unit was open.
#[derive(Clone, Debug)]
pub struct NextOwn {
    /// What was stored when that was asked for.
    pub seen: StoredKeys,
    /// The version; it gets its id when it is stored.
    pub made: WrappedKey,
}

/// Port: a tenant's rotations, to change.
#[async_trait]
pub trait Rotations: Send {
    /// Begins the rotation of `purpose`, unless one is under way: then that one is answered, under its own id.
    async fn begin_rotation(&mut self, id: RotationId, purpose: KeyPurpose) -> Result<Rotation, StoreError>;

    /// One that nobody else changes until the unit ends.
    async fn hold_rotation(&mut self, id: RotationId) -> Result<Option<Rotation>, StoreError>;

    /// Replaces what is stored of it. One that ended by now gets its time from the database.
    async fn replace_rotation(&mut self, rotation: &Rotation) -> Result<(), StoreError>;

    /// Of which purposes the keys are older than `days`, or sealed as much as a key [may](ward_crypto::Keyring::MOST_MESSAGES), and
    /// no rotation is under way.
    async fn due_rotations(&mut self, days: Option<u32>) -> Result<Vec<KeyPurpose>, StoreError>;

    /// Those of them whose key sealed as much as one may: they must not rest.
    async fn worn_rotations(&mut self) -> Result<Vec<Rotation>, StoreError>;
}

/// Port: a tenant's rotations, to read.
#[async_trait]
pub trait RotationsView: Send {
    /// One of them.
    async fn rotation(&mut self, id: RotationId) -> Result<Option<Rotation>, StoreError>;

    /// Up to `most`, the newest first, before `before`.
    async fn rotations(&mut self, before: Option<RotationId>, most: u32)
    -> Result<Vec<Rotation>, StoreError>;
}

/// Port: a tenant's keys, made anew and let go.
#[async_trait]
pub trait KeyUpkeep: Send {
    /// The versions of the key for `purpose` that there are, the newest first.
    async fn versions(&mut self, purpose: KeyPurpose) -> Result<Vec<KeyVersion>, StoreError>;

    /// Makes the next version of the key for `purpose`; not of the tenant's own, which somebody else wraps.
    async fn add_version(&mut self, purpose: KeyPurpose) -> Result<KeyId, StoreError>;

    /// Stores the next version of the tenant's own key; nothing, if the tenant's keys aren't what was seen when it was made.
    async fn add_own(&mut self, next: &NextOwn) -> Result<Option<KeyId>, StoreError>;

    /// How many rows the rotation has to move.
    async fn left_to_move(&mut self, rotation: &Rotation) -> Result<u64, StoreError>;

    /// Moves up to `most` rows under the newest version, or under keys that follow theirs.
    async fn move_on(&mut self, rotation: &Rotation, most: u32) -> Result<Moved, StoreError>;

    /// Destroys the versions of the key for `purpose` that nothing needs any more, and says which. One that another followed less
    /// than an hour ago is still needed: no unit lasts for so long.
    async fn retire(&mut self, purpose: KeyPurpose) -> Result<Vec<KeyId>, StoreError>;
}

/// What comes of a rotation after a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Another step, at once.
    Now,
    /// Another step, with the next version of the tenant's own key: its service is asked while no unit is open.
    Own,
    /// Another step, once nothing new is put under the version before.
    Settled,
    /// Nothing.
    Nothing,
}

/// Takes a running rotation a step further; nothing is to be committed without an event. Where the next version of the tenant's `own` key is
/// needed and isn't given, or was made for keys that have changed since, the answer is [`Next::Own`].
pub async fn advance(
    unit: &mut dyn Unit,
    mut rotation: Rotation,
    own: Option<&NextOwn>,
) -> Result<(Next, Option<Event>), StoreError> {
    let of = |action| {
        let event = Event::of(&ADVANCE_ROTATION, action, rotation.id);
        event.noting("key", rotation.purpose.as_str())
    };
    if rotation.purpose != KeyPurpose::Subject {
        let newest = unit.versions(rotation.purpose).await?.first().copied();
        match newest.filter(|newest| newest.made_at > rotation.begun_at) {
            None => {
                let made = match (rotation.purpose, own) {
                    (KeyPurpose::Tenant, None) => None,
                    (KeyPurpose::Tenant, Some(own)) => unit.add_own(own).await?,
                    (purpose, _) => Some(unit.add_version(purpose).await?),
                };
                let Some(id) = made else { return Ok((Next::Own, None)) };
                return Ok((Next::Settled, Some(of(KEY_ROTATED).noting("id", id))));
            }
            Some(newest) if !newest.settled => return Ok((Next::Settled, None)),
            Some(_) => {}
        }
    }
    if rotation.total.is_none() {
        rotation.total = Some(unit.left_to_move(&rotation).await?);
    }
    let moved = unit.move_on(&rotation, BATCH).await?;
    rotation.done += moved.rows;
    rotation.after = moved.last.or(rotation.after);
    let (next, event) = if moved.rows == 0 {
        rotation.state = RotationState::Ended;
        (Next::Nothing, of(ROTATION_COMPLETED).noting("rows", rotation.done))
    } else {
        (Next::Now, of(KEY_MOVED).noting("rows", moved.rows).noting("values", moved.values))
    };
    unit.replace_rotation(&rotation).await?;
    Ok((next, Some(event)))
}
