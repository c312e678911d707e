use ward_audit::entry::Said;
use ward_kernel::{Commitment, Entity, RecordId, SubjectId};

use crate::record::imported;

/// The personal fields of which an entry of the log tells, and whose they are.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Whose; nobody's, if it tells of none.
    pub subject: Option<SubjectId>,
    /// What became of each.
    pub fields: Vec<PastField>,
}

/// What became of a personal field, and where its values are sealed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PastField {
    /// As the entry names it.
    pub name: String,
    /// The row that holds it: the subject's own, or a record's.
    pub row: Entity,
    /// Its name in that row.
    pub field: String,
    /// The commitment to what it held.
    pub before: Option<Commitment>,
    /// The commitment to what it holds since.
    pub after: Option<Commitment>,
}

impl History {
    /// What an entry tells.
    pub fn of(said: &Said) -> Self {
        let rows = || std::iter::once(&said.entity).chain(&said.covers);
        let of_kind = |kind| rows().filter(move |row| row.kind == kind).map(|row| row.id);
        let Some(subject) = of_kind("subject").next().map(SubjectId::from) else { return Self::default() };
        if said.committed().next().is_none() {
            return Self::default();
        }
        let records: Vec<_> = of_kind("record").map(RecordId::from).collect();
        let place = |name: &str| match *records {
            [record] if said.entity.kind == "record" => (record.into(), name.to_owned()),
            _ => imported_field(subject, &records, name).unwrap_or((subject.into(), name.to_owned())),
        };
        let past = said.committed().map(|committed| {
            let (row, field) = place(committed.field);
            let (before, after) = (committed.before, committed.after);
            PastField { name: committed.field.to_owned(), row, field, before, after }
        });
        Self { subject: Some(subject), fields: past.collect() }
    }

    /// Everything that the entry commits to.
    pub fn commitments(&self) -> Vec<Commitment> {
        self.fields.iter().flat_map(|past| past.before.into_iter().chain(past.after)).collect()
    }

    /// The rows that hold the fields, each once.
    pub fn rows(&self) -> Vec<Entity> {
        let mut rows: Vec<Entity> = Vec::new();
        for past in &self.fields {
            if !rows.contains(&past.row) {
                rows.push(past.row);
            }
        }
        rows
    }
}

/// An import tells of records as of the subject: by their categories.
fn imported_field(subject: SubjectId, records: &[RecordId], name: &str) -> Option<(Entity, String)> {
    let (category, field) = name.split_once('.')?;
    let record = imported(subject, category);
    records.contains(&record).then(|| (record.into(), field.to_owned()))
}
