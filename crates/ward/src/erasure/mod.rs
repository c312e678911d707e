//! People erased by the destruction of their keys, for good: a ledger outside of the database remembers who was, and a database that
//! comes out of a backup serves nobody before it has done so again.

mod entry;
mod ledger;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use ward_audit::{Event, Events};
use ward_crypto::{KeyId, Suite};
use ward_kernel::{Action, Operation, Requires, StoreError, SubjectId};
use ward_subject::{SealedFields, StoredSubject};

use crate::Unit;

pub use entry::ErasureEntry;
pub use ledger::{
    Beyond, ErasureBook, ErasureLedger, LedgerError, Owed, Unanswered, Unentered, enter, look_beyond,
};

/// Somebody asked for an erasure, which may have been done before.
pub const ERASURE_REQUESTED: Action = Action::new("subject.erasure_requested");
/// The key of a person, and what is left of those before it, were destroyed.
pub const KEY_DESTROYED: Action = Action::new("key.destroyed");
/// Nothing that was held of a person can be read or found any more.
pub const SUBJECT_ERASED: Action = Action::new("subject.erased");
/// A person who came back out of a backup was erased again.
pub const ERASURE_REPLAYED: Action = Action::new("subject.erasure_replayed");

/// Erases a person.
pub static ERASE_SUBJECT: Operation = Operation {
    controls: &["C8", "S2"],
    idempotent: true,
    ..Operation::change(
        "eraseSubject",
        "retention.erase",
        &[ERASURE_REQUESTED, KEY_DESTROYED, SUBJECT_ERASED],
    )
};

/// Shows what was destroyed.
pub static SHOW_ERASURE: Operation =
    Operation { controls: &["C8"], ..Operation::read("showErasure", "retention.read", &[]) };

/// Erases people again who came back out of a backup.
pub static REPLAY_ERASURE: Operation = Operation {
    id: "replayErasure",
    requires: Requires::Job(ERASER),
    events: &[KEY_DESTROYED, ERASURE_REPLAYED],
    writes: true,
    discloses: false,
    controls: &["C8", "O1"],
    rate: "job",
    idempotent: false,
};

/// Who does that.
pub const ERASER: &str = "eraser";

/// How keys are destroyed, in the terms of NIST SP 800-88: of each there is one copy outside of backups, wrapped by the tenant's.
pub const METHOD: &str = "cryptographic_erase";

/// Why somebody is erased: a word, and no text in which a person could be described. All but the last are grounds of the GDPR's
/// [article 17](https://eur-lex.europa.eu/eli/reg/2016/679/oj#art_17).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErasureReason {
    /// What it was held for is over.
    NoLongerNeeded,
    /// They consented once, and no more.
    ConsentWithdrawn,
    /// They object.
    Objected,
    /// It should never have been held.
    Unlawful,
    /// A law has it erased.
    LegalObligation,
    /// It was collected of a child, online.
    ChildsConsent,
    /// They asked, under a law that wants no ground.
    Requested,
}

impl ErasureReason {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::NoLongerNeeded,
        Self::ConsentWithdrawn,
        Self::Objected,
        Self::Unlawful,
        Self::LegalObligation,
        Self::ChildsConsent,
        Self::Requested,
    ];

    /// The word stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoLongerNeeded => "no_longer_needed",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::Objected => "objected",
            Self::Unlawful => "unlawful",
            Self::LegalObligation => "legal_obligation",
            Self::ChildsConsent => "childs_consent",
            Self::Requested => "requested",
        }
    }

    /// The reason stored as `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

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
    /// What was found in the same transaction, afterwards.
    pub left: Left,
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

/// Port: a tenant's people, to destroy.
#[async_trait]
pub trait Erasures: Send {
    /// What was destroyed of somebody.
    async fn destroyed(&mut self, subject: SubjectId) -> Result<Option<KeyDestroyed>, StoreError>;

    /// Destroys all keys of somebody, and says which.
    async fn destroy_keys(&mut self, subject: SubjectId) -> Result<Vec<KeyId>, StoreError>;

    /// Removes all records about somebody, and says how many.
    async fn remove_all(&mut self, subject: SubjectId) -> Result<u64, StoreError>;

    /// Looks for what is left.
    async fn look_for(&mut self, subject: SubjectId) -> Result<Left, StoreError>;

    /// Puts down what was destroyed, for good, and has it entered into the ledger.
    async fn put_down(&mut self, destruction: &Destruction) -> Result<KeyDestroyed, StoreError>;
}

/// Port: a tenant's erasures, to read.
#[async_trait]
pub trait ErasuresView: Send {
    /// What was destroyed of somebody.
    async fn erasure(&mut self, subject: SubjectId) -> Result<Option<KeyDestroyed>, StoreError>;
}

/// Why nobody was erased.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseError {
    /// There is nobody of that id.
    #[error("there is no such subject")]
    Absent,
    /// Something was left after all was destroyed.
    #[error("something is left of what was to be destroyed: {0:?}")]
    Left(Left),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Erases `subject` at `now`, once: whoever was erased is answered as before. Nothing of it holds before the unit commits the events.
///
/// While they are held nobody changes them: whatever is to keep somebody from being erased is to be asked there.
pub async fn erase(
    unit: &mut dyn Unit,
    subject: SubjectId,
    (reason, kept_days): (ErasureReason, Option<u32>),
    now: DateTime<Utc>,
) -> Result<(KeyDestroyed, Events), EraseError> {
    let requested = Event::of(&ERASE_SUBJECT, ERASURE_REQUESTED, subject).noting("reason", reason.as_str());
    let held = hold(unit, subject).await?;
    if let Some(done) = unit.destroyed(subject).await? {
        return Ok((done, requested.into()));
    }
    let done = destroy(unit, bare(held, now), (reason, kept_days), None).await?;
    let erased = Event::of(&ERASE_SUBJECT, SUBJECT_ERASED, subject);
    let erased = erased.noting("records", done.gone.records).noting("values", done.gone.values);
    let events = Events::from(requested).and(destroyed(&ERASE_SUBJECT, &done)).and(erased);
    Ok((done, events))
}

/// Does again at `now` what `entry` says was done, where the unit's tenant has the person again; nothing, where it was done meanwhile.
pub async fn replay(
    unit: &mut dyn Unit,
    entry: &ErasureEntry,
    kept_days: Option<u32>,
    now: DateTime<Utc>,
) -> Result<Option<Events>, EraseError> {
    let held = hold(unit, entry.subject).await?;
    if unit.destroyed(entry.subject).await?.is_some() {
        return Ok(None);
    }
    let first = Some(entry.destroyed_at);
    let done = destroy(unit, bare(held, now), (entry.reason, kept_days), first).await?;
    let replayed = Event::of(&REPLAY_ERASURE, ERASURE_REPLAYED, entry.subject);
    let replayed = replayed.noting("number", entry.number).noting("reason", entry.reason.as_str());
    Ok(Some(Events::from(destroyed(&REPLAY_ERASURE, &done)).and(replayed)))
}

async fn hold(unit: &mut dyn Unit, subject: SubjectId) -> Result<StoredSubject, EraseError> {
    unit.hold(&[subject]).await?.pop().ok_or(EraseError::Absent)
}

/// A person's row without anything personal, by which nobody is found.
fn bare(held: StoredSubject, now: DateTime<Utc>) -> StoredSubject {
    StoredSubject {
        external_ref: None,
        email_index: None,
        phone_index: None,
        time_zone: None,
        jurisdiction: None,
        fields: SealedFields::default(),
        import_digest: None,
        updated_at: now,
        ..held
    }
}

async fn destroy(
    unit: &mut dyn Unit,
    bare: StoredSubject,
    (reason, kept_days): (ErasureReason, Option<u32>),
    first: Option<DateTime<Utc>>,
) -> Result<KeyDestroyed, EraseError> {
    let subject = bare.id;
    unit.replace(&bare).await?;
    let suite = unit.keys().suite();
    let keys = unit.destroy_keys(subject).await?;
    let gone = Gone { records: unit.remove_all(subject).await?, values: unit.erase_values(subject).await? };
    let left = unit.look_for(subject).await?;
    // And as whoever reads or writes them would.
    let opens = unit.of(&[subject]).await?.iter().any(Option::is_some);
    if opens || left != Left::default() {
        return Err(EraseError::Left(left));
    }
    let destruction = Destruction { subject, keys, suite, reason, gone, left, kept_days, first };
    Ok(unit.put_down(&destruction).await?)
}

fn destroyed(operation: &'static Operation, done: &KeyDestroyed) -> Event {
    let ids: Vec<_> = done.keys.iter().map(ToString::to_string).collect();
    let event = Event::of(operation, KEY_DESTROYED, done.subject).noting("ids", ids.join(" "));
    let event = event.noting("method", METHOD).noting("at", done.destroyed_at.to_rfc3339());
    let effective = done.effective_at().map_or_else(|| "unknown".to_owned(), |at| at.to_rfc3339());
    event.noting("effective_at", effective)
}
