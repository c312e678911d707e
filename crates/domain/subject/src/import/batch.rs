use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use ward_audit::{Change, Event};
use ward_kernel::{
    BlindIndex, Entity, Ids, Operation, Place, RecordId, Sealer, SubjectId, SubjectKeys, TenantId, Uuid,
};

use super::ImportRow;
use crate::operations::SUBJECT_IMPORTED;
use crate::subject::{SubjectError, changes, ref_index, seal};
use crate::{Fields, Kind, Records, SealedFields, StoredRecord, StoredSubject, Subjects};

/// What became of a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It added a subject.
    Accepted,
    /// It changed one.
    Updated,
    /// It says what is stored already.
    Unchanged,
}

/// What became of some rows, and the events of those that changed something.
#[derive(Debug, Default)]
pub struct Batch {
    /// By line.
    pub outcomes: Vec<(u64, Outcome)>,
    /// One a row.
    pub events: Vec<Event>,
}

/// What an import needs beside its ports.
pub struct Importer<'a> {
    /// As part of what.
    pub operation: &'static Operation,
    /// Whose subjects.
    pub tenant: TenantId,
    /// The present.
    pub now: DateTime<Utc>,
    /// New ids.
    pub ids: &'a dyn Ids,
    /// A keyed digest: recognises a row that says nothing new.
    pub digest: &'a (dyn Fn(&[u8]) -> [u8; 32] + Sync),
}

/// Adds or changes the subjects of `rows`, as if row by row; rows that change nothing leave nothing.
pub async fn batch(
    unit: &mut (impl Subjects + Records + SubjectKeys + ?Sized),
    importer: &Importer<'_>,
    rows: &[ImportRow],
) -> Result<Batch, SubjectError> {
    let mut batch = Batch::default();
    for distinct in distinct(rows) {
        importer.distinct(unit, distinct, &mut batch).await?;
    }
    Ok(batch)
}

/// Cuts `rows` where a subject comes again, so that the later row finds what the earlier one did.
fn distinct(rows: &[ImportRow]) -> Vec<&[ImportRow]> {
    let (mut parts, mut seen, mut start) = (Vec::new(), HashSet::new(), 0);
    for (n, row) in rows.iter().enumerate() {
        if !seen.insert(&row.subject.external_ref) {
            parts.push(rows.get(start..n).unwrap_or_default());
            start = n;
            seen = HashSet::from([&row.subject.external_ref]);
        }
    }
    parts.push(rows.get(start..).unwrap_or_default());
    parts
}

struct Planned<'a> {
    row: &'a ImportRow,
    id: SubjectId,
    digest: [u8; 32],
}

impl Importer<'_> {
    async fn distinct(
        &self,
        unit: &mut (impl Subjects + Records + SubjectKeys + ?Sized),
        rows: &[ImportRow],
        batch: &mut Batch,
    ) -> Result<(), SubjectError> {
        let indexer = unit.indexer();
        let index = |row: &ImportRow| {
            let name = row.subject.external_ref.as_ref().map_or("", |name| name.as_str());
            ref_index(&*indexer, row.subject.kind, name)
        };
        let indexes: Vec<BlindIndex> = rows.iter().map(index).collect();
        let known: HashMap<_, _> =
            unit.known(&indexes).await?.into_iter().map(|known| (known.index, known)).collect();
        let (mut fresh, mut updates) = (Vec::new(), Vec::new());
        for (row, index) in rows.iter().zip(&indexes) {
            let digest = (self.digest)(&canonical(row));
            let outcome = match known.get(index) {
                None => {
                    fresh.push(Planned { row, id: self.ids.next().into(), digest });
                    Outcome::Accepted
                }
                Some(known) if known.digest == Some(digest) => Outcome::Unchanged,
                Some(known) => {
                    updates.push(Planned { row, id: known.id, digest });
                    Outcome::Updated
                }
            };
            batch.outcomes.push((row.line, outcome));
        }
        self.add(unit, &fresh, batch).await?;
        self.update(unit, &updates, batch).await
    }

    async fn add(
        &self,
        unit: &mut (impl Subjects + Records + SubjectKeys + ?Sized),
        fresh: &[Planned<'_>],
        batch: &mut Batch,
    ) -> Result<(), SubjectError> {
        if fresh.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = fresh.iter().map(|new| new.id).collect();
        let (keys, indexer) = (unit.make(&ids).await?, unit.indexer());
        let (mut subjects, mut records) = (Vec::with_capacity(fresh.len()), Vec::new());
        for (new, key) in fresh.iter().zip(&keys) {
            let sealed = seal(self.tenant, new.id, &new.row.subject, &**key, &*indexer, self.now)?;
            let own = self.records(new, &**key)?;
            batch.events.push(self.event(new, None, &sealed, &own, &[]));
            subjects.push(StoredSubject { import_digest: Some(new.digest), ..sealed });
            records.extend(own);
        }
        unit.add(&subjects).await?;
        Ok(unit.add_records(&records).await?)
    }

    async fn update(
        &self,
        unit: &mut (impl Subjects + Records + SubjectKeys + ?Sized),
        updates: &[Planned<'_>],
        batch: &mut Batch,
    ) -> Result<(), SubjectError> {
        if updates.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = updates.iter().map(|update| update.id).collect();
        let (held, keys, indexer) = (unit.hold(&ids).await?, unit.of(&ids).await?, unit.indexer());
        for (update, key) in updates.iter().zip(keys) {
            let key: Arc<dyn Sealer> = key.ok_or(SubjectError::Erased)?;
            let before = held.iter().find(|subject| subject.id == update.id).ok_or(SubjectError::Absent)?;
            let sealed = seal(self.tenant, update.id, &update.row.subject, &*key, &*indexer, self.now)?;
            // What the file doesn't speak of stays.
            let fields = merged(&before.fields, sealed.fields);
            let after = StoredSubject {
                fields,
                email_index: sealed.email_index.or(before.email_index),
                phone_index: sealed.phone_index.or(before.phone_index),
                time_zone: sealed.time_zone.or(before.time_zone),
                jurisdiction: sealed.jurisdiction.or(before.jurisdiction.clone()),
                created_at: before.created_at,
                import_digest: Some(update.digest),
                ..sealed
            };
            let records = self.records(update, &*key)?;
            let old = unit.hold_records(&records.iter().map(|record| record.id).collect::<Vec<_>>()).await?;
            batch.events.push(self.event(update, Some(before), &after, &records, &old));
            unit.replace(&after).await?;
            for record in records {
                match old.iter().find(|old| old.id == record.id) {
                    None => unit.add_records(&[record]).await?,
                    Some(old) => unit.replace_record(&succeeding(old, record)).await?,
                }
            }
        }
        Ok(())
    }

    fn records(&self, change: &Planned<'_>, key: &dyn Sealer) -> Result<Vec<StoredRecord>, SubjectError> {
        let record = |(category, fields): &(String, Fields)| {
            let id = record_id(change.id, category);
            let place = Place { tenant: self.tenant, row: id.into(), column: "" };
            Ok(StoredRecord {
                id,
                subject: change.id,
                category: category.clone(),
                occurred_on: None,
                fields: fields.seal(key, place)?,
                version: 1,
                created_at: self.now,
                updated_at: self.now,
            })
        };
        change.row.records.iter().map(record).collect()
    }

    fn event(
        &self,
        change: &Planned<'_>,
        before: Option<&StoredSubject>,
        after: &StoredSubject,
        records: &[StoredRecord],
        old: &[StoredRecord],
    ) -> Event {
        let kind: Kind = after.kind;
        let of_record = |record: &StoredRecord| {
            let before = old.iter().find(|old| old.id == record.id).map(|old| &old.fields);
            let prefixed = |change: Change| Change {
                field: format!("{}.{}", record.category, change.field).into(),
                ..change
            };
            changes(before, &record.fields)
                .into_iter()
                .filter(|change| change.after.is_some())
                .map(prefixed)
                .collect::<Vec<_>>()
        };
        Event::of(self.operation, SUBJECT_IMPORTED, change.id)
            .covering(records.iter().map(|record| Entity::from(record.id)))
            .noting("kind", kind.as_str())
            .noting("line", change.row.line)
            .with_all(changes(before.map(|before| &before.fields), &after.fields))
            .with_all(records.iter().flat_map(of_record))
    }
}

/// The imported record of a category is always the same one, so that importing again replaces it.
fn record_id(subject: SubjectId, category: &str) -> RecordId {
    Uuid::new_v5(&subject.into(), category.as_bytes()).into()
}

fn merged(before: &SealedFields, after: SealedFields) -> SealedFields {
    let mut fields = before.clone();
    after.0.into_iter().for_each(|(name, sealed)| fields.set(&name, sealed));
    fields
}

fn succeeding(old: &StoredRecord, new: StoredRecord) -> StoredRecord {
    let fields = merged(&old.fields, new.fields);
    StoredRecord {
        fields,
        occurred_on: old.occurred_on,
        version: old.version.saturating_add(1),
        created_at: old.created_at,
        ..new
    }
}

/// What a row says, the same for the same content however it was written.
fn canonical(row: &ImportRow) -> Vec<u8> {
    let fields = |fields: &Fields| {
        fields.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect::<Map<_, _>>()
    };
    let subject = &row.subject;
    let records: Vec<Value> =
        row.records.iter().map(|(category, of)| json!([category, fields(of)])).collect();
    json!([
        subject.kind.as_str(),
        subject.external_ref.as_ref().map(|name| name.as_str()),
        subject.time_zone.map(|zone| zone.as_str()),
        subject.jurisdiction.as_ref().map(|law| law.as_str()),
        fields(&subject.fields),
        records,
    ])
    .to_string()
    .into_bytes()
}
