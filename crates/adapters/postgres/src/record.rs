//! Records: as subjects, and read with the wrapped key of the subject they are about.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::kernel::{RecordId, StoreError, SubjectId};
use ward::subject::{Records, RecordsView, StoredRecord};

use crate::error::failed;
use crate::keys;
use crate::reading::PgReading;
use crate::scoped::Scoped;
use crate::sealed_fields::{decode, encode};
use crate::unit::PgUnit;

const ADD: &str = "
    INSERT INTO ward.record (tenant, id, subject, category, occurred_on, fields, version, created_at, updated_at)
    SELECT $1, r.* FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::date[], $6::bytea[], $7::integer[],
        $8::timestamptz[], $9::timestamptz[]) r";
const HOLD: &str = "
    WITH held AS MATERIALIZED (
        SELECT s.id FROM ward.subject s WHERE s.tenant = $1
            AND s.id IN (SELECT about.subject FROM ward.record about WHERE about.tenant = $1 AND about.id = ANY ($2))
        ORDER BY s.id FOR NO KEY UPDATE)
    SELECT r.*, r.subject AS about FROM ward.record r JOIN held ON held.id = r.subject WHERE r.tenant = $1 AND r.id = ANY ($2)
    ORDER BY r.id FOR NO KEY UPDATE OF r";
const REPLACE: &str = "
    UPDATE ward.record SET occurred_on = $3, fields = $4, version = $5, updated_at = $6 WHERE tenant = $1 AND id = $2";
const REMOVE: &str = "DELETE FROM ward.record WHERE tenant = $1 AND id = $2";
const SHOW: &str = "
    SELECT r.id, r.subject AS about, r.category, r.occurred_on, r.fields, r.version, r.created_at, r.updated_at,
        k.id AS key, k.purpose, k.subject, k.bytes, k.commitment
    FROM ward.record r LEFT JOIN ward.wrapped_key k ON k.tenant = $1 AND k.subject = r.subject AND k.purpose = 'subject' AND k.bytes IS NOT NULL
    WHERE r.tenant = $1 AND r.id = $2";
const OF_SUBJECT: &str = "
    SELECT r.id, r.subject AS about, r.category, r.occurred_on, r.fields, r.version, r.created_at, r.updated_at,
        k.id AS key, k.purpose, k.subject, k.bytes, k.commitment
    FROM ward.record r LEFT JOIN ward.wrapped_key k ON k.tenant = $1 AND k.subject = r.subject AND k.purpose = 'subject' AND k.bytes IS NOT NULL
    WHERE r.tenant = $1 AND r.subject = $2 AND ($3::uuid IS NULL OR r.id > $3)
    ORDER BY r.id LIMIT $4";

#[async_trait]
impl Records for PgUnit {
    async fn add_records(&mut self, records: &[StoredRecord]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let add = self
            .scoped(ADD)
            .bind(column(records, |record| Uuid::from(record.id)))
            .bind(column(records, |record| Uuid::from(record.subject)))
            .bind(column(records, |record| record.category.clone()))
            .bind(column(records, |record| record.occurred_on))
            .bind(column(records, |record| encode(&record.fields)))
            .bind(column(records, |record| record.version))
            .bind(column(records, |record| record.created_at))
            .bind(column(records, |record| record.updated_at));
        add.within(&self.conn).await.map(drop)
    }

    async fn hold_records(&mut self, ids: &[RecordId]) -> Result<Vec<StoredRecord>, StoreError> {
        let hold = self.scoped(HOLD).bind(ids.iter().map(|id| Uuid::from(*id)).collect::<Vec<_>>());
        hold.within(&self.conn).await?.iter().map(record).collect()
    }

    async fn replace_record(&mut self, record: &StoredRecord) -> Result<(), StoreError> {
        let replace = self
            .scoped(REPLACE)
            .bind(Uuid::from(record.id))
            .bind(record.occurred_on)
            .bind(encode(&record.fields))
            .bind(record.version)
            .bind(record.updated_at);
        replace.within(&self.conn).await.map(drop)
    }

    async fn remove_record(&mut self, id: RecordId) -> Result<(), StoreError> {
        self.scoped(REMOVE).bind(Uuid::from(id)).within(&self.conn).await.map(drop)
    }
}

#[async_trait]
impl RecordsView for PgReading {
    async fn record(&mut self, id: RecordId) -> Result<Option<StoredRecord>, StoreError> {
        let show = self.scoped(SHOW).bind(Uuid::from(id));
        Ok(self.records_with_keys(show).await?.pop())
    }

    async fn records_of(
        &mut self,
        subject: SubjectId,
        after: Option<RecordId>,
        most: u32,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let list = self.scoped(OF_SUBJECT).bind(Uuid::from(subject)).bind(after.map(Uuid::from));
        self.records_with_keys(list.bind(i64::from(most))).await
    }
}

impl PgReading {
    async fn records_with_keys(&mut self, statement: Scoped) -> Result<Vec<StoredRecord>, StoreError> {
        let rows = statement.through(&self.gate).await?;
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            let found = record(row)?;
            if let Some(key) = keys::beside(row)? {
                self.wrapped.insert(found.subject, key);
            }
            records.push(found);
        }
        Ok(records)
    }
}

fn column<T>(records: &[StoredRecord], of: impl Fn(&StoredRecord) -> T) -> Vec<T> {
    records.iter().map(of).collect()
}

fn record(row: &PgRow) -> Result<StoredRecord, StoreError> {
    let sealed: &[u8] = row.try_get("fields").map_err(failed)?;
    Ok(StoredRecord {
        id: row.try_get::<Uuid, _>("id").map_err(failed)?.into(),
        subject: row.try_get::<Uuid, _>("about").map_err(failed)?.into(),
        category: row.try_get("category").map_err(failed)?,
        occurred_on: row.try_get("occurred_on").map_err(failed)?,
        fields: decode(sealed).ok_or(StoreError::Corrupt { table: "record", column: "fields" })?,
        version: row.try_get("version").map_err(failed)?,
        created_at: row.try_get("created_at").map_err(failed)?,
        updated_at: row.try_get("updated_at").map_err(failed)?,
    })
}
