//! Subjects: rows go in as arrays, one statement for a batch; a row that is read brings its wrapped key along.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::kernel::{BlindIndex, StoreError, SubjectId};
use ward::subject::{
    Jurisdiction, Kind, Known, StoredSubject, SubjectSearch, Subjects, SubjectsView, TimeZone,
};

use crate::error::failed;
use crate::keys;
use crate::reading::PgReading;
use crate::scoped::Scoped;
use crate::sealed_fields::{decode, encode};
use crate::unit::PgUnit;

const ADD: &str = "
    INSERT INTO ward.subject (tenant, id, kind, external_ref, ref_index, email_index, phone_index, time_zone, jurisdiction,
        fields, import_digest, created_at, updated_at)
    SELECT $1, s.* FROM unnest($2::uuid[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::text[], $9::text[],
        $10::bytea[], $11::bytea[], $12::timestamptz[], $13::timestamptz[]) s";
const REPLACE: &str = "
    UPDATE ward.subject SET external_ref = $3, ref_index = $4, email_index = $5, phone_index = $6, time_zone = $7,
        jurisdiction = $8, fields = $9, import_digest = $10, updated_at = $11
    WHERE tenant = $1 AND id = $2";
const HOLD: &str =
    "SELECT * FROM ward.subject WHERE tenant = $1 AND id = ANY ($2) ORDER BY id FOR NO KEY UPDATE";
const KNOWN: &str = "
    SELECT id, ref_index, import_digest FROM ward.subject WHERE tenant = $1 AND ref_index = ANY ($2)";
/// One name has several indexes while their key is followed, so that no unique index keeps two from being made known by it.
const TAKE_TURNS: &str = "SELECT pg_advisory_xact_lock(hashtextextended('ward.name ' || $1::text, 0))";
const SHOW: &str = "
    SELECT s.*, k.id AS key, k.purpose, k.subject, k.bytes, k.commitment
    FROM ward.subject s LEFT JOIN ward.wrapped_key k ON k.tenant = $1 AND k.subject = s.id AND k.purpose = 'subject' AND k.bytes IS NOT NULL
    WHERE s.tenant = $1 AND s.id = $2";
const FIND: &str = "
    SELECT s.*, k.id AS key, k.purpose, k.subject, k.bytes, k.commitment
    FROM ward.subject s LEFT JOIN ward.wrapped_key k ON k.tenant = $1 AND k.subject = s.id AND k.purpose = 'subject' AND k.bytes IS NOT NULL
    WHERE s.tenant = $1 AND ($2::bytea[] IS NULL OR s.email_index = ANY ($2)) AND ($3::bytea[] IS NULL OR s.phone_index = ANY ($3))
        AND ($4::bytea[] IS NULL OR s.ref_index = ANY ($4)) AND ($5::text IS NULL OR s.kind = $5) AND ($6::uuid IS NULL OR s.id > $6)
    ORDER BY s.id LIMIT $7";

#[async_trait]
impl Subjects for PgUnit {
    async fn add(&mut self, subjects: &[StoredSubject]) -> Result<(), StoreError> {
        let add = self
            .scoped(ADD)
            .bind(column(subjects, |subject| Uuid::from(subject.id)))
            .bind(column(subjects, |subject| subject.kind.as_str()))
            .bind(column(subjects, |subject| subject.external_ref.as_ref().map(|(sealed, _)| sealed.clone())))
            .bind(column(subjects, |subject| {
                subject.external_ref.as_ref().map(|(_, index)| index.0.to_vec())
            }))
            .bind(column(subjects, |subject| index(subject.email_index)))
            .bind(column(subjects, |subject| index(subject.phone_index)))
            .bind(column(subjects, |subject| subject.time_zone.map(TimeZone::as_str)))
            .bind(column(subjects, |subject| {
                subject.jurisdiction.as_ref().map(|law| law.as_str().to_owned())
            }))
            .bind(column(subjects, |subject| encode(&subject.fields)))
            .bind(column(subjects, |subject| subject.import_digest.map(|digest| digest.to_vec())))
            .bind(column(subjects, |subject| subject.created_at))
            .bind(column(subjects, |subject| subject.updated_at));
        add.within(&self.conn).await.map(drop)
    }

    async fn hold(&mut self, ids: &[SubjectId]) -> Result<Vec<StoredSubject>, StoreError> {
        let hold = self.scoped(HOLD).bind(ids.iter().map(|id| Uuid::from(*id)).collect::<Vec<_>>());
        hold.within(&self.conn).await?.iter().map(subject).collect()
    }

    async fn replace(&mut self, subject: &StoredSubject) -> Result<(), StoreError> {
        let (external_ref, ref_index) = subject.external_ref.clone().unzip();
        let replace = self
            .scoped(REPLACE)
            .bind(Uuid::from(subject.id))
            .bind(external_ref)
            .bind(index(ref_index))
            .bind(index(subject.email_index))
            .bind(index(subject.phone_index))
            .bind(subject.time_zone.map(TimeZone::as_str))
            .bind(subject.jurisdiction.as_ref().map(|law| law.as_str().to_owned()))
            .bind(encode(&subject.fields))
            .bind(subject.import_digest.map(|digest| digest.to_vec()))
            .bind(subject.updated_at);
        replace.within(&self.conn).await.map(drop)
    }

    async fn known(&mut self, refs: &[BlindIndex]) -> Result<Vec<Known>, StoreError> {
        if self.keys.index().is_turning() {
            self.scoped(TAKE_TURNS).within(&self.conn).await?;
        }
        let known = self.scoped(KNOWN).bind(refs.iter().map(|index| index.0.to_vec()).collect::<Vec<_>>());
        let known = known.within(&self.conn).await?;
        known
            .iter()
            .map(|row| {
                let index = blind(row, "ref_index")?.ok_or(corrupt("ref_index"))?;
                let id: Uuid = row.try_get("id").map_err(failed)?;
                Ok(Known { index, id: id.into(), digest: digest(row)? })
            })
            .collect()
    }
}

#[async_trait]
impl SubjectsView for PgReading {
    async fn subject(&mut self, id: SubjectId) -> Result<Option<StoredSubject>, StoreError> {
        let show = self.scoped(SHOW).bind(Uuid::from(id));
        Ok(self.with_keys(show).await?.pop())
    }

    async fn subjects(
        &mut self,
        search: &SubjectSearch,
        after: Option<SubjectId>,
        most: u32,
    ) -> Result<Vec<StoredSubject>, StoreError> {
        let find = self
            .scoped(FIND)
            .bind(indexes(search.email.as_ref()))
            .bind(indexes(search.phone.as_ref()))
            .bind(indexes(search.external_ref.as_ref()))
            .bind(search.kind.map(Kind::as_str))
            .bind(after.map(Uuid::from))
            .bind(i64::from(most));
        self.with_keys(find).await
    }
}

impl PgReading {
    async fn with_keys(&mut self, statement: Scoped) -> Result<Vec<StoredSubject>, StoreError> {
        let rows = statement.through(&self.gate).await?;
        let mut subjects = Vec::with_capacity(rows.len());
        for row in &rows {
            let found = subject(row)?;
            if let Some(key) = keys::beside(row)? {
                self.wrapped.insert(found.id, key);
            }
            subjects.push(found);
        }
        Ok(subjects)
    }
}

fn column<T>(subjects: &[StoredSubject], of: impl Fn(&StoredSubject) -> T) -> Vec<T> {
    subjects.iter().map(of).collect()
}

fn index(index: Option<BlindIndex>) -> Option<Vec<u8>> {
    index.map(|index| index.0.to_vec())
}

fn indexes(indexes: Option<&Vec<BlindIndex>>) -> Option<Vec<Vec<u8>>> {
    indexes.map(|indexes| indexes.iter().map(|index| index.0.to_vec()).collect())
}

fn corrupt(column: &'static str) -> StoreError {
    StoreError::Corrupt { table: "subject", column }
}

fn blind(row: &PgRow, column: &'static str) -> Result<Option<BlindIndex>, StoreError> {
    let bytes: Option<&[u8]> = row.try_get(column).map_err(failed)?;
    bytes.map(|bytes| bytes.try_into().map(BlindIndex).map_err(|_| corrupt(column))).transpose()
}

fn digest(row: &PgRow) -> Result<Option<[u8; 32]>, StoreError> {
    let bytes: Option<&[u8]> = row.try_get("import_digest").map_err(failed)?;
    bytes.map(|bytes| bytes.try_into().map_err(|_| corrupt("import_digest"))).transpose()
}

fn subject(row: &PgRow) -> Result<StoredSubject, StoreError> {
    let word = |column| row.try_get::<Option<&str>, _>(column).map_err(failed);
    let time = |column| row.try_get::<DateTime<Utc>, _>(column).map_err(failed);
    let zone = |name: &str| TimeZone::parse(name).ok_or(corrupt("time_zone"));
    let law = |code: &str| Jurisdiction::parse(code).ok_or(corrupt("jurisdiction"));
    let sealed: Option<Vec<u8>> = row.try_get("external_ref").map_err(failed)?;
    Ok(StoredSubject {
        id: row.try_get::<Uuid, _>("id").map_err(failed)?.into(),
        kind: word("kind")?.and_then(Kind::parse).ok_or(corrupt("kind"))?,
        external_ref: sealed.zip(blind(row, "ref_index")?),
        email_index: blind(row, "email_index")?,
        phone_index: blind(row, "phone_index")?,
        time_zone: word("time_zone")?.map(zone).transpose()?,
        jurisdiction: word("jurisdiction")?.map(law).transpose()?,
        fields: decode(row.try_get("fields").map_err(failed)?).ok_or(corrupt("fields"))?,
        import_digest: digest(row)?,
        created_at: time("created_at")?,
        updated_at: time("updated_at")?,
    })
}
