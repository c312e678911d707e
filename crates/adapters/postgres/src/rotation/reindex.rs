//! What people are found by, indexed anew under the newest version of the key.

use sqlx::Row as _;
use uuid::Uuid;
use ward::Moved;
use ward::crypto::SubjectKey;
use ward::kernel::{BlindIndex, Indexer, StoreError, SubjectId};
use ward::subject::{Kind, StoredSubject, Subjects as _, email_index, phone_index, ref_index};

use crate::error::failed;
use crate::keys;
use crate::unit::PgUnit;

pub(super) const COUNT: &str = "
    SELECT count(*) AS count FROM ward.subject s
    WHERE s.tenant = $1 AND (s.ref_index IS NOT NULL OR s.email_index IS NOT NULL OR s.phone_index IS NOT NULL)";
const PICK: &str = "
    SELECT s.id FROM ward.subject s
    WHERE s.tenant = $1 AND (s.ref_index IS NOT NULL OR s.email_index IS NOT NULL OR s.phone_index IS NOT NULL)
        AND ($2::uuid IS NULL OR s.id > $2) ORDER BY s.id LIMIT $3";
const PUT: &str = "
    UPDATE ward.subject s SET ref_index = v.name, email_index = v.email, phone_index = v.phone
    FROM unnest($2::uuid[], $3::bytea[], $4::bytea[], $5::bytea[]) v (id, name, email, phone) WHERE s.tenant = $1 AND s.id = v.id";

type Index = fn(&dyn Indexer, &str, &str) -> Option<BlindIndex>;

impl PgUnit {
    pub(super) async fn reindex(&mut self, after: Option<Uuid>, most: u32) -> Result<Moved, StoreError> {
        let rows = self.scoped(PICK).bind(after).bind(i64::from(most)).within(&self.conn).await?;
        let id =
            |row: &sqlx::postgres::PgRow| row.try_get::<Uuid, _>("id").map(SubjectId::from).map_err(failed);
        let people: Vec<_> = rows.iter().map(id).collect::<Result<_, _>>()?;
        let held = self.hold(&people).await?;
        let rows = keys::of_subjects(self.scoped(keys::OF_SUBJECTS), &people).within(&self.conn).await?;
        let wrapped = keys::by_subject(&rows)?;
        let (mut ids, mut names, mut emails, mut phones) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for subject in held {
            // Who was erased is found by nothing.
            let Some((_, key)) = wrapped.iter().find(|(id, _)| *id == subject.id) else { continue };
            let key = keys::unwrap(&self.keys, key)?;
            ids.push(Uuid::from(subject.id));
            names.push(self.name_index(&key, &subject)?);
            emails
                .push(self.field_index(&key, &subject, "email", |by, _, text| Some(email_index(by, text)))?);
            phones
                .push(self.field_index(&key, &subject, "phone", |by, _, text| Some(phone_index(by, text)))?);
        }
        let values = [&names, &emails, &phones].into_iter().flatten().flatten().count() as u64;
        self.scoped(PUT).bind(ids).bind(names).bind(emails).bind(phones).within(&self.conn).await?;
        Ok(Moved { rows: people.len() as u64, values, last: people.last().map(|id| Uuid::from(*id)) })
    }

    fn name_index(&self, key: &SubjectKey, subject: &StoredSubject) -> Result<Option<Vec<u8>>, StoreError> {
        let Some((sealed, _)) = &subject.external_ref else { return Ok(None) };
        let of: Index = |by, kind, name| Kind::parse(kind).map(|kind| ref_index(by, kind, name));
        self.index(key, subject, ("external_ref", sealed), of).map(Some)
    }

    fn field_index(
        &self,
        key: &SubjectKey,
        subject: &StoredSubject,
        field: &str,
        of: Index,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(sealed) = subject.fields.find(field) else { return Ok(None) };
        self.index(key, subject, (field, &sealed.bytes), of).map(Some)
    }

    fn index(
        &self,
        key: &SubjectKey,
        subject: &StoredSubject,
        (column, sealed): (&str, &[u8]),
        of: Index,
    ) -> Result<Vec<u8>, StoreError> {
        let place = self.place(subject.id.into(), column);
        let indexer = self.keys.index();
        let index = key.index((place, sealed), (&*indexer, subject.kind.as_str()), of);
        index
            .map(|index| index.0.to_vec())
            .map_err(|_| StoreError::Corrupt { table: "subject", column: "fields" })
    }
}
