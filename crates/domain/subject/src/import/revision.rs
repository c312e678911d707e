use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use ward_audit::Change;
use ward_kernel::{Indexer, Place, RecordId, SealError, Sealer, StoreError, SubjectId, TenantId};

use super::{ImportRow, Target};
use crate::record::imported;
use crate::subject::{changes, seal};
use crate::{Fields, SealedFields, StoredRecord, StoredSubject};

/// What a row makes of a subject and its records. What the row doesn't speak of stays.
pub(super) struct Revision<'a> {
    pub(super) tenant: TenantId,
    pub(super) now: DateTime<Utc>,
    pub(super) id: SubjectId,
    pub(super) row: &'a ImportRow,
    pub(super) digest: Option<[u8; 32]>,
    pub(super) key: &'a dyn Sealer,
}

impl Revision<'_> {
    /// The subject as it will be, and its name where that is new.
    pub(super) fn subject(
        &self,
        before: Option<&StoredSubject>,
        indexer: &dyn Indexer,
    ) -> Result<(StoredSubject, Option<Change>), SealError> {
        let (new, named) = seal(self.tenant, self.id, &self.row.subject, self.key, indexer, self.now)?;
        let new = StoredSubject { import_digest: self.digest, ..new };
        let Some(before) = before.cloned() else { return Ok((new, named)) };
        let gone = |field| self.row.cleared.contains(&Target::Field(field));
        let stays = |target| !self.row.cleared.contains(&target);
        let after = StoredSubject {
            external_ref: before.external_ref,
            email_index: new.email_index.or(before.email_index.filter(|_| !gone("email"))),
            phone_index: new.phone_index.or(before.phone_index.filter(|_| !gone("phone"))),
            time_zone: new.time_zone.or(before.time_zone.filter(|_| stays(Target::TimeZone))),
            jurisdiction: new.jurisdiction.or(before.jurisdiction.filter(|_| stays(Target::Jurisdiction))),
            fields: revised(before.fields, new.fields, |name| {
                self.row.cleared.iter().any(|target| matches!(target, Target::Field(field) if *field == name))
            }),
            created_at: before.created_at,
            ..new
        };
        Ok((after, None))
    }

    /// The imported records as they will be, those without any field left included, and what becomes of their fields.
    pub(super) fn records(
        &self,
        old: &HashMap<RecordId, StoredRecord>,
    ) -> Result<(Vec<StoredRecord>, Vec<Change>), SealError> {
        let (mut records, mut all) = (Vec::new(), Vec::new());
        for category in categories(self.row) {
            let id = imported(self.id, category);
            let (before, fields) = (old.get(&id), self.sealed(category, id)?);
            let fields = revised(before.map(|old| old.fields.clone()).unwrap_or_default(), fields, |name| {
                self.row.cleared.iter().any(
                    |target| matches!(target, Target::Record(of, field) if *of == category && *field == name),
                )
            });
            if before.is_none() && fields.0.is_empty() {
                continue;
            }
            let prefixed = |change: Change| {
                let field = format!("{category}.{}", change.field).into();
                Change { field, ..change }
            };
            let place = (self.id, id.into());
            all.extend(changes(place, before.map(|old| &old.fields), &fields).into_iter().map(prefixed));
            records.push(StoredRecord {
                id,
                subject: self.id,
                category: category.to_owned(),
                occurred_on: before.and_then(|old| old.occurred_on),
                fields,
                version: before.map_or(1, |old| old.version.saturating_add(1)),
                created_at: before.map_or(self.now, |old| old.created_at),
                updated_at: self.now,
            });
        }
        Ok((records, all))
    }

    fn sealed(&self, category: &str, id: RecordId) -> Result<SealedFields, SealError> {
        let place = Place { tenant: self.tenant, row: id.into(), column: "" };
        let own = self.row.records.iter().find(|(of, _)| of == category);
        own.map_or(Ok(SealedFields::default()), |(_, fields)| fields.seal(self.key, place))
    }
}

/// The categories of records that a row speaks of.
pub(super) fn categories(row: &ImportRow) -> BTreeSet<&str> {
    let cleared = row.cleared.iter().filter_map(|target| match target {
        Target::Record(category, _) => Some(*category),
        _ => None,
    });
    row.records.iter().map(|(category, _)| category.as_str()).chain(cleared).collect()
}

/// What a row says, the same for the same content however it was written.
pub(super) fn canonical(row: &ImportRow) -> Result<Vec<u8>, StoreError> {
    let subject = &row.subject;
    let records = row.records.iter().map(|(category, fields)| (category, Members(fields)));
    let said = (
        subject.kind.as_str(),
        subject.external_ref.as_ref().map(|name| name.as_str()),
        subject.time_zone.map(|zone| zone.as_str()),
        subject.jurisdiction.as_ref().map(|law| law.as_str()),
        Members(&subject.fields),
        records.collect::<Vec<_>>(),
        row.cleared.iter().map(|target| format!("{target:?}")).collect::<Vec<_>>(),
    );
    serde_json::to_vec(&said).map_err(|error| StoreError::Failed(Box::new(error)))
}

/// Fields as the members of an object.
struct Members<'a>(&'a Fields);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.collect_map(self.0.iter())
    }
}

fn revised(before: SealedFields, new: SealedFields, gone: impl Fn(&str) -> bool) -> SealedFields {
    let mut fields = before;
    if fields.0.is_empty() {
        return new;
    }
    fields.0.retain(|(name, _)| !gone(name));
    new.0.into_iter().for_each(|(name, sealed)| fields.set(name, sealed));
    fields
}
