use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use ward_audit::{Change, Event};
use ward_kernel::{BlindIndex, Entity, Ids, Operation, RecordId, SubjectId, SubjectKeys, TenantId};

use super::revision::{Revision, canonical, categories};
use super::{ImportRow, RowError};
use crate::operations::SUBJECT_IMPORTED;
use crate::record::imported;
use crate::subject::{SubjectError, changes, plain_changes, ref_indexes};
use crate::{FieldError, Records, StoredRecord, StoredSubject, Subjects};

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
    /// The lines that can't be stored, whatever they say.
    pub refused: Vec<(u64, Vec<RowError>)>,
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
    /// Keyed digests, any of which may be stored: they recognise a row that says nothing new. The first is the one to store.
    pub digests: &'a (dyn Fn(&[u8]) -> Vec<[u8; 32]> + Sync),
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
    batch.outcomes.sort_by_key(|(line, _)| *line);
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
    digests: Vec<[u8; 32]>,
}

impl Importer<'_> {
    async fn distinct(
        &self,
        unit: &mut (impl Subjects + Records + SubjectKeys + ?Sized),
        rows: &[ImportRow],
        batch: &mut Batch,
    ) -> Result<(), SubjectError> {
        let indexer = unit.indexer();
        let indexes = |row: &ImportRow| {
            let name = row.subject.external_ref.as_ref().map_or("", |name| name.as_str());
            ref_indexes(&*indexer, row.subject.kind, name)
        };
        let indexes: Vec<Vec<BlindIndex>> = rows.iter().map(indexes).collect();
        let known: HashMap<_, _> =
            unit.known(&indexes.concat()).await?.into_iter().map(|known| (known.index, known)).collect();
        let (mut fresh, mut updates) = (Vec::new(), Vec::new());
        for (row, indexes) in rows.iter().zip(indexes) {
            let digests = (self.digests)(&canonical(row)?);
            match indexes.iter().find_map(|index| known.get(index)) {
                None => fresh.push((indexes, row, digests)),
                Some(known) if known.digest.is_some_and(|digest| digests.contains(&digest)) => {
                    batch.outcomes.push((row.line, Outcome::Unchanged));
                }
                Some(known) => updates.push(Planned { row, id: known.id, digests }),
            }
        }
        // In one order, so that two imports of the same people never wait for each other; ids in the same, since what is
        // beside each other is found, and stored, together.
        fresh.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
        let planned = |(_, row, digests)| Planned { row, id: self.ids.next().into(), digests };
        self.add(unit, &fresh.into_iter().map(planned).collect::<Vec<_>>(), batch).await?;
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
        let (mut subjects, mut records, mut events) =
            (Vec::with_capacity(fresh.len()), Vec::new(), Vec::new());
        for (new, key) in fresh.iter().zip(&keys) {
            let revision = self.revision(new, &**key);
            let (subject, named) = revision.subject(None, &*indexer)?;
            let (own, changes) = revision.records(&HashMap::new())?;
            let event = event(self.operation, new, (None, &subject), &own, changes).with_all(named);
            events.push((new.row.line, event));
            batch.outcomes.push((new.row.line, Outcome::Accepted));
            subjects.push(subject);
            records.extend(own);
        }
        events.sort_unstable_by_key(|(line, _)| *line);
        batch.events.extend(events.into_iter().map(|(_, event)| event));
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
        let of = |update: &Planned<'_>| {
            let id = update.id;
            categories(update.row).into_iter().map(move |category| imported(id, category)).collect::<Vec<_>>()
        };
        // All subjects, and then their records: two units that hold in one order don't wait for each other.
        let held = unit.hold(&ids).await?;
        let held: HashMap<SubjectId, StoredSubject> =
            held.into_iter().map(|subject| (subject.id, subject)).collect();
        let old = unit.hold_records(&updates.iter().flat_map(of).collect::<Vec<_>>()).await?;
        let old: HashMap<RecordId, StoredRecord> =
            old.into_iter().map(|record| (record.id, record)).collect();
        let (keys, indexer) = (unit.of(&ids).await?, unit.indexer());
        for (update, key) in updates.iter().zip(keys) {
            let (line, before) = (update.row.line, held.get(&update.id).ok_or(SubjectError::Absent)?);
            if before.import_digest.is_some_and(|digest| update.digests.contains(&digest)) {
                batch.outcomes.push((line, Outcome::Unchanged));
                continue;
            }
            let Some(key) = key else {
                batch.refused.push((line, vec![FieldError::new("", "the subject was erased")]));
                continue;
            };
            let revision = self.revision(update, &*key);
            let (after, _) = revision.subject(Some(before), &*indexer)?;
            let (records, changes) = revision.records(&old)?;
            batch.events.push(event(self.operation, update, (Some(before), &after), &records, changes));
            batch.outcomes.push((line, Outcome::Updated));
            unit.replace(&after).await?;
            put(unit, &records, &old).await?;
        }
        Ok(())
    }

    fn revision<'a>(&self, planned: &Planned<'a>, key: &'a dyn ward_kernel::Sealer) -> Revision<'a> {
        let (row, digest) = (planned.row, planned.digests.first().copied());
        Revision { tenant: self.tenant, now: self.now, id: planned.id, row, digest, key }
    }
}

/// Stores revised records; one that says nothing any more goes.
async fn put(
    unit: &mut (impl Records + ?Sized),
    records: &[StoredRecord],
    old: &HashMap<RecordId, StoredRecord>,
) -> Result<(), SubjectError> {
    for record in records {
        match old.contains_key(&record.id) {
            false => unit.add_records(std::slice::from_ref(record)).await?,
            true if record.fields.0.is_empty() => unit.remove_record(record.id).await?,
            true => unit.replace_record(record).await?,
        }
    }
    Ok(())
}

fn event(
    operation: &'static Operation,
    planned: &Planned<'_>,
    (before, after): (Option<&StoredSubject>, &StoredSubject),
    records: &[StoredRecord],
    of_records: Vec<Change>,
) -> Event {
    Event::of(operation, SUBJECT_IMPORTED, planned.id)
        .covering(records.iter().map(|record| Entity::from(record.id)))
        .noting("kind", after.kind.as_str())
        .noting("line", planned.row.line)
        .with_all(plain_changes(before, after))
        .with_all(changes((after.id, after.id.into()), before.map(|before| &before.fields), &after.fields))
        .with_all(of_records)
}
