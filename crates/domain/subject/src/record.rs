//! Records about subjects: adding, changing and removing them.

use chrono::{DateTime, NaiveDate, Utc};
use ward_audit::{Change, Event};
use ward_kernel::{Operation, Place, RecordId, SubjectId, SubjectKeys, TenantId, Uuid};

use crate::operations::{RECORD_CHANGED, RECORD_CREATED, RECORD_DELETED};
use crate::subject::{SubjectError, changes, the_key};
use crate::{Fields, Records, StoredRecord, StoredSubject, Subjects};

/// A record in clear, not stored yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Of which category.
    pub category: String,
    /// When what it tells of happened.
    pub occurred_on: Option<NaiveDate>,
    /// What it says.
    pub fields: Fields,
}

/// What to change; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// Another day, or none.
    pub occurred_on: Option<Option<NaiveDate>>,
    /// Fields to set.
    pub set: Fields,
    /// Fields to remove.
    pub remove: Vec<&'static str>,
}

/// Adds a record about a subject that there is, as part of `operation`.
pub async fn create(
    unit: &mut (impl Subjects + Records + SubjectKeys + ?Sized),
    operation: &'static Operation,
    tenant: TenantId,
    (id, subject, now): (RecordId, SubjectId, DateTime<Utc>),
    draft: &Draft,
) -> Result<(StoredRecord, Event), SubjectError> {
    unit.hold(&[subject]).await?.pop().ok_or(SubjectError::Absent)?;
    let key = the_key(unit, subject).await?;
    let record = StoredRecord {
        id,
        subject,
        category: draft.category.clone(),
        occurred_on: draft.occurred_on,
        fields: draft.fields.seal(&*key, Place { tenant, row: id.into(), column: "" })?,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    unit.add_records(std::slice::from_ref(&record)).await?;
    let event = Event::of(operation, RECORD_CREATED, id)
        .covering([subject.into()])
        .with(Change::plain("category", None, Some(&draft.category)))
        .with_all(changes((subject, id.into()), None, &record.fields));
    Ok((record.clone(), moved(event, None, record.occurred_on)))
}

/// Changes a record, as part of `operation`.
pub async fn change(
    unit: &mut (impl Subjects + Records + SubjectKeys + ?Sized),
    operation: &'static Operation,
    tenant: TenantId,
    (id, now): (RecordId, DateTime<Utc>),
    patch: impl FnOnce(&StoredRecord) -> Result<Patch, SubjectError> + Send,
) -> Result<(StoredRecord, Event), SubjectError> {
    let before = unit.hold_records(&[id]).await?.pop().ok_or(SubjectError::Absent)?;
    let patch = patch(&before)?;
    let key = the_key(unit, before.subject).await?;
    let version = before.version.saturating_add(1);
    let mut after = StoredRecord { version, updated_at: now, ..before.clone() };
    if let Some(day) = patch.occurred_on {
        after.occurred_on = day;
    }
    for (name, sealed) in patch.set.seal(&*key, Place { tenant, row: id.into(), column: "" })?.0 {
        after.fields.set(name, sealed);
    }
    patch.remove.iter().for_each(|name| after.fields.remove(name));
    unit.replace_record(&after).await?;
    depart(unit, &before).await?;
    let event = Event::of(operation, RECORD_CHANGED, id).covering([before.subject.into()]);
    let event = event.with_all(changes((before.subject, id.into()), Some(&before.fields), &after.fields));
    Ok((after.clone(), moved(event, before.occurred_on, after.occurred_on)))
}

/// Removes a record, as part of `operation`.
pub async fn remove(
    unit: &mut (impl Subjects + Records + ?Sized),
    operation: &'static Operation,
    id: RecordId,
) -> Result<Event, SubjectError> {
    let before = unit.hold_records(&[id]).await?.pop().ok_or(SubjectError::Absent)?;
    unit.remove_record(id).await?;
    depart(unit, &before).await?;
    let event = Event::of(operation, RECORD_DELETED, id).covering([before.subject.into()]);
    let event = event.with(Change::plain("category", Some(&before.category), None));
    let event =
        event.with_all(changes((before.subject, id.into()), Some(&before.fields), &Default::default()));
    Ok(moved(event, before.occurred_on, None))
}

/// The imported record of a category is always the same one, so that importing again finds it.
pub(crate) fn imported(subject: SubjectId, category: &str) -> RecordId {
    Uuid::new_v5(&subject.into(), category.as_bytes()).into()
}

/// What was imported is so no longer: the same row, imported again, says something new.
async fn depart(unit: &mut (impl Subjects + ?Sized), record: &StoredRecord) -> Result<(), SubjectError> {
    if record.id != imported(record.subject, &record.category) {
        return Ok(());
    }
    match unit.hold(&[record.subject]).await?.pop() {
        Some(subject) if subject.import_digest.is_some() => {
            Ok(unit.replace(&StoredSubject { import_digest: None, ..subject }).await?)
        }
        _ => Ok(()),
    }
}

/// A day of somebody's life is personal and stands in no log; that it changed does.
fn moved(event: Event, before: Option<NaiveDate>, after: Option<NaiveDate>) -> Event {
    match (before, after) {
        (None, None) => event,
        (before, after) if before == after => event,
        (None, Some(_)) => event.noting("occurred_on", "set"),
        (Some(_), Some(_)) => event.noting("occurred_on", "changed"),
        (Some(_), None) => event.noting("occurred_on", "removed"),
    }
}
