//! What is dropped of logs: functions of the schema decide, each for the current tenant, and the last for all.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use uuid::Uuid;
use ward::audit::entry::SKEW;
use ward::audit::keeping::KeptYears;
use ward::kernel::{EventId, StoreError, TenantId};
use ward::{Keeping, Prunable};

use super::growth::commit;
use super::tree::number;
use crate::connection::Connection;
use crate::error::failed;
use crate::gated::Gated;
use crate::scoped::Scoped;
use crate::store::Postgres;

/// Of this month and the next, those for which there is no partition.
const MISSING: &str = "
    SELECT count(*) FROM (
        SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month' FROM generate_series(0, 1) n
        EXCEPT SELECT m.month FROM ward.months() m) missing";

/// The latest that anybody can have it.
const KEPT_FROM: &str = "SELECT ward.kept_from(0, now()) AT TIME ZONE 'UTC'";

/// When the entry was written at which a log begins, and the latest of those before it, as far as that is known.
const PRUNED: &str = "
    SELECT l.at AS kept, t.latest AS dropped FROM ward.audit_start s
        LEFT JOIN ward.audit_place p ON p.tenant = $1 AND p.index = s.first
        LEFT JOIN ward.audit_leaf l ON l.tenant = $1 AND l.id = p.leaf
        LEFT JOIN ward.audit_tile t ON t.tenant = $1 AND t.level = 0 AND t.index = s.first / 256 - 1
    WHERE s.tenant = $1";

const PRUNABLE: &str = "SELECT p.first, p.before FROM ward.prunable($1) p";
/// Places, or words, in one transaction.
const MOST: i32 = 5_000;

/// A log that let go of its oldest entries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PrunedLog {
    /// When the entry was written at which it begins; nothing, if that isn't there.
    pub kept: Option<DateTime<Utc>>,
    dropped: Option<DateTime<Utc>>,
}

impl PrunedLog {
    /// When the latest of the others was written, at the latest: before that entry, give or take what clocks differ.
    pub fn dropped_until(&self) -> Option<DateTime<Utc>> {
        self.kept.map(|kept| kept + SKEW).into_iter().chain(self.dropped).min()
    }
}

type Call = Query<'static, sqlx::Postgres, PgArguments>;

impl Postgres {
    async fn keeping(&self, tenant: TenantId, call: Call) -> Result<Vec<PgRow>, StoreError> {
        let conn = Connection::open(&self.shared, tenant.into(), true).await.map_err(failed)?;
        let rows = conn.fetch(call).await.map_err(failed)?;
        commit(conn).await?;
        Ok(rows)
    }

    async fn forget(&self, tenant: TenantId, call: &'static str) -> Result<u64, StoreError> {
        let rows = self.keeping(tenant, sqlx::query(call).bind(MOST)).await?;
        rows.first().map_or(Ok(0), |row| number(row, "gone"))
    }

    /// For how many of this month and the next no entry could be written.
    pub async fn missing_months(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar(MISSING).fetch_one(&self.pool).await.map_err(failed)
    }

    /// From when on the database lets nobody drop an entry; nothing, where it lets nobody drop any.
    pub async fn kept_from(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        sqlx::query_scalar(KEPT_FROM).fetch_one(&self.pool).await.map_err(failed)
    }

    /// How the log of `tenant` was pruned, if it was.
    pub async fn pruned(&self, tenant: TenantId) -> Result<Option<PrunedLog>, StoreError> {
        let gate = Gated::new(self.shared.clone(), tenant.into());
        let rows = Scoped::new(tenant.into(), PRUNED).through(&gate).await?;
        let pruned = |row: &PgRow| {
            let at = |column| row.try_get(column).map_err(failed);
            Ok(PrunedLog { kept: at("kept")?, dropped: at("dropped")? })
        };
        rows.first().map(pruned).transpose()
    }
}

#[async_trait]
impl Keeping for Postgres {
    async fn prunable(&self, tenant: TenantId, years: KeptYears) -> Result<Option<Prunable>, StoreError> {
        let rows = self.keeping(tenant, of_years(PRUNABLE, years)).await?;
        let prunable = |row: &PgRow| {
            Ok(Prunable { first: number(row, "first")?, before: row.try_get("before").map_err(failed)? })
        };
        rows.first().map(prunable).transpose()
    }

    async fn prune(&self, tenant: TenantId, said: EventId, years: KeptYears) -> Result<bool, StoreError> {
        let call = of_years("SELECT ward.prune($2, $1) AS done", years).bind(Uuid::from(said));
        done(&self.keeping(tenant, call).await?)
    }

    async fn carry_over(&self, tenant: TenantId, years: KeptYears) -> Result<bool, StoreError> {
        done(&self.keeping(tenant, of_years("SELECT ward.carry_over($1) AS done", years)).await?)
    }

    async fn drop_month(&self, years: KeptYears) -> Result<Option<NaiveDate>, StoreError> {
        let row =
            of_years("SELECT ward.drop_month($1)", years).fetch_one(&self.pool).await.map_err(failed)?;
        row.try_get(0).map_err(failed)
    }

    async fn forget_places(&self, tenant: TenantId) -> Result<u64, StoreError> {
        self.forget(tenant, "SELECT ward.forget_places($1)::bigint AS gone").await
    }

    async fn forget_words(&self, tenant: TenantId) -> Result<u64, StoreError> {
        self.forget(tenant, "SELECT ward.forget_words($1)::bigint AS gone").await
    }
}

fn of_years(sql: &'static str, years: KeptYears) -> Call {
    sqlx::query(sql).bind(i32::from(u16::from(years)))
}

fn done(rows: &[PgRow]) -> Result<bool, StoreError> {
    rows.first().map_or(Ok(false), |row| row.try_get("done").map_err(failed))
}
