use chrono::{DateTime, Utc};
use ward_audit::{Event, Events};
use ward_kernel::{Operation, StoreError, SubjectId};
use ward_subject::{SealedFields, StoredSubject};

use super::{
    Destruction, ERASE_SUBJECT, ERASURE_REPLAYED, ERASURE_REQUESTED, ErasureEntry, ErasureReason, Gone,
    KEY_DESTROYED, KeyDestroyed, Left, METHOD, REPLAY_ERASURE, SUBJECT_ERASED,
};
use crate::Unit;

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
    let destruction = Destruction { subject, keys, suite, reason, gone, kept_days, first };
    Ok(unit.put_down(&destruction).await?)
}

fn destroyed(operation: &'static Operation, done: &KeyDestroyed) -> Event {
    let ids: Vec<_> = done.keys.iter().map(ToString::to_string).collect();
    let event = Event::of(operation, KEY_DESTROYED, done.subject).noting("ids", ids.join(" "));
    let event = event.noting("method", METHOD).noting("at", done.destroyed_at.to_rfc3339());
    let effective = done.effective_at().map_or_else(|| "unknown".to_owned(), |at| at.to_rfc3339());
    event.noting("effective_at", effective)
}
