//! People erased: in one tenant's unit, and what the deployment knows of the ledger of all.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::crypto::{KeyId, Suite};
use ward::kernel::{StoreError, SubjectId, TenantId};
use ward::{
    Destruction, ErasureBook, ErasureReason, Erasures, ErasuresView, Gone, KeyDestroyed, Left, Owed,
    Unentered,
};

use crate::error::failed;
use crate::keys;
use crate::lookup;
use crate::reading::PgReading;
use crate::scoped::Scoped;
use crate::store::Postgres;
use crate::unit::PgUnit;

/// Keys are named by what they are for, so that the indexes of a subject's are used.
const DESTROY: &str = "
    UPDATE ward.wrapped_key k SET bytes = NULL
    WHERE k.tenant = $1 AND k.subject = $2 AND (k.purpose = 'subject' OR k.purpose = 'commitment') AND k.bytes IS NOT NULL";

/// The one that sealed last first.
const DESTROYED: &str = "
    SELECT k.id FROM ward.wrapped_key k
    WHERE k.tenant = $1 AND k.subject = $2 AND (k.purpose = 'subject' OR k.purpose = 'commitment')
    ORDER BY k.purpose DESC, k.created_at DESC, k.id";

const REMOVE: &str = "
    WITH gone AS (DELETE FROM ward.record r WHERE r.tenant = $1 AND r.subject = $2 RETURNING r.id) SELECT count(*) AS gone FROM gone";

const LOOK: &str = "SELECT * FROM ward.left_of($1, $2)";

/// Both times are the database's: when the last of the keys went, and when that was done again. It takes no other record (`only_erased`).
const PUT_DOWN: &str = "
    INSERT INTO ward.key_destroyed (tenant, subject, keys, suite, reason, records_gone, values_gone, kept_days, destroyed_at, replayed_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8,
        coalesce($9, (SELECT max(k.destroyed_at) FROM ward.wrapped_key k
            WHERE k.tenant = $1 AND k.subject = $2 AND (k.purpose = 'subject' OR k.purpose = 'commitment'))),
        CASE WHEN $9::timestamptz IS NOT NULL THEN clock_timestamp() END";

/// Sets its tenant itself: that one's keys may not be had, or it may not be here.
const SETTLE: &str = "
    WITH context AS MATERIALIZED (SELECT set_config('ward.tenant', ($1::uuid)::text, true)::uuid AS tenant)
    SELECT ward.settle_erasure(c.tenant, $2) FROM context c";

const SHOW: &str = "
    SELECT d.*, e.number, e.entered_at FROM ward.key_destroyed d LEFT JOIN ward.erasure_place($2) e ON true
    WHERE d.tenant = $1 AND d.subject = $2";

#[async_trait]
impl Erasures for PgUnit {
    async fn destroyed(&mut self, subject: SubjectId) -> Result<Option<KeyDestroyed>, StoreError> {
        let shown = self.scoped(SHOW).bind(Uuid::from(subject)).within(&self.conn).await?;
        shown.first().map(record).transpose()
    }

    async fn destroy_keys(&mut self, subject: SubjectId) -> Result<Vec<KeyId>, StoreError> {
        self.scoped(DESTROY).bind(Uuid::from(subject)).within(&self.conn).await?;
        let gone = self.scoped(DESTROYED).bind(Uuid::from(subject)).within(&self.conn).await?;
        gone.iter().map(keys::id_of).collect()
    }

    async fn remove_all(&mut self, subject: SubjectId) -> Result<u64, StoreError> {
        let gone = self.scoped(REMOVE).bind(Uuid::from(subject)).within(&self.conn).await?;
        gone.first().map_or(Ok(0), |row| number(row, "gone"))
    }

    async fn look_for(&mut self, subject: SubjectId) -> Result<Left, StoreError> {
        let found = self.scoped(LOOK).bind(Uuid::from(subject)).within(&self.conn).await?;
        left(found.first().ok_or(corrupt("subject"))?)
    }

    async fn put_down(&mut self, destruction: &Destruction) -> Result<KeyDestroyed, StoreError> {
        let Destruction { subject, keys, suite, reason, gone, kept_days, first } = destruction;
        let put = self
            .scoped(PUT_DOWN)
            .bind(Uuid::from(*subject))
            .bind(keys.iter().map(|id| i64::from(u32::from(*id))).collect::<Vec<_>>())
            .bind(suite.as_str())
            .bind(reason.as_str())
            .bind(gone.records.cast_signed())
            .bind(gone.values.cast_signed());
        put.bind(kept_days.map(u32::cast_signed)).bind(*first).within(&self.conn).await?;
        let enter = sqlx::query("SELECT ward.enter_erasure($1)").bind(Uuid::from(*subject));
        lookup::call(self, enter).await?;
        self.destroyed(*subject).await?.ok_or(corrupt("subject"))
    }
}

#[async_trait]
impl ErasuresView for PgReading {
    async fn erasure(&mut self, subject: SubjectId) -> Result<Option<KeyDestroyed>, StoreError> {
        let shown: Scoped = self.scoped(SHOW).bind(Uuid::from(subject));
        shown.through(&self.gate).await?.first().map(record).transpose()
    }
}

#[async_trait]
impl ErasureBook for Postgres {
    async fn last_entered(&self) -> Result<u64, StoreError> {
        let last = sqlx::query_scalar("SELECT ward.last_erasure()").fetch_one(&self.pool).await;
        last.map(i64::cast_unsigned).map_err(failed)
    }

    async fn to_enter(&self, most: u32) -> Result<Vec<Unentered>, StoreError> {
        let query =
            sqlx::query("SELECT tenant, subject, keys, reason, destroyed_at FROM ward.erasures_to_enter($1)");
        let rows = query.bind(most.cast_signed()).fetch_all(&self.pool).await.map_err(failed)?;
        rows.iter().map(unentered).collect()
    }

    async fn place(&self, tenant: TenantId, subject: SubjectId, number: u64) -> Result<bool, StoreError> {
        let query = sqlx::query_scalar("SELECT ward.place_erasure($1, $2, $3)");
        let query = query.bind(Uuid::from(tenant)).bind(Uuid::from(subject)).bind(number.cast_signed());
        query.fetch_one(&self.pool).await.map_err(failed)
    }

    async fn owing(&self) -> Result<Vec<TenantId>, StoreError> {
        let query = sqlx::query_scalar("SELECT ward.tenants_owing()");
        let tenants: Vec<Uuid> = query.fetch_all(&self.pool).await.map_err(failed)?;
        Ok(tenants.into_iter().map(Into::into).collect())
    }

    async fn owed(&self, tenant: TenantId, most: u32) -> Result<Vec<Owed>, StoreError> {
        let query = sqlx::query("SELECT subject, number FROM ward.erasures_owed($1, $2)");
        let query = query.bind(Uuid::from(tenant)).bind(most.cast_signed());
        let rows = query.fetch_all(&self.pool).await.map_err(failed)?;
        let owed = |row: &PgRow| {
            let subject = row.try_get::<Uuid, _>("subject").map_err(failed)?.into();
            Ok(Owed { tenant, subject, number: number(row, "number")? })
        };
        rows.iter().map(owed).collect()
    }

    async fn settle(&self, tenant: TenantId, subject: SubjectId) -> Result<(), StoreError> {
        let settle = Scoped::new(tenant.into(), SETTLE).bind(Uuid::from(subject));
        settle.alone(&self.shared, tenant.into()).await.map(drop)
    }
}

fn record(row: &PgRow) -> Result<KeyDestroyed, StoreError> {
    let count = |column| number(row, column);
    let time = |column| row.try_get::<Option<DateTime<Utc>>, _>(column).map_err(failed);
    let suite: &str = row.try_get("suite").map_err(failed)?;
    let place: Option<i64> = row.try_get("number").map_err(failed)?;
    Ok(KeyDestroyed {
        subject: row.try_get::<Uuid, _>("subject").map_err(failed)?.into(),
        keys: key_ids(row)?,
        suite: Suite::named(suite).ok_or(corrupt("suite"))?,
        reason: reason(row)?,
        destroyed_at: time("destroyed_at")?.ok_or(corrupt("destroyed_at"))?,
        gone: Gone { records: count("records_gone")?, values: count("values_gone")? },
        left: left(row)?,
        kept_days: row.try_get::<Option<i32>, _>("kept_days").map_err(failed)?.map(i32::cast_unsigned),
        replayed_at: time("replayed_at")?,
        entered: place.map(i64::cast_unsigned).zip(time("entered_at")?),
    })
}

fn left(row: &PgRow) -> Result<Left, StoreError> {
    let count = |column| number(row, column);
    Ok(Left {
        keys: count("keys_left")?,
        found: count("found_left")?,
        records: count("records_left")?,
        values: count("values_left")?,
    })
}

fn unentered(row: &PgRow) -> Result<Unentered, StoreError> {
    let id = |column| row.try_get::<Uuid, _>(column).map_err(failed);
    Ok(Unentered {
        tenant: id("tenant")?.into(),
        subject: id("subject")?.into(),
        keys: key_ids(row)?,
        reason: reason(row)?,
        destroyed_at: row.try_get("destroyed_at").map_err(failed)?,
    })
}

fn key_ids(row: &PgRow) -> Result<Vec<KeyId>, StoreError> {
    let ids: Vec<i64> = row.try_get("keys").map_err(failed)?;
    let id = |id| u32::try_from(id).map(KeyId::from).map_err(|_| corrupt("keys"));
    ids.into_iter().map(id).collect()
}

fn reason(row: &PgRow) -> Result<ErasureReason, StoreError> {
    ErasureReason::parse(row.try_get("reason").map_err(failed)?).ok_or(corrupt("reason"))
}

fn number(row: &PgRow, column: &str) -> Result<u64, StoreError> {
    row.try_get::<i64, _>(column).map(i64::cast_unsigned).map_err(failed)
}

fn corrupt(column: &'static str) -> StoreError {
    StoreError::Corrupt { table: "key_destroyed", column }
}
