//! What is dropped of logs: functions of the schema decide, each for the current tenant, and the last for all.

use async_trait::async_trait;
use chrono::NaiveDate;
use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use uuid::Uuid;
use ward::audit::keeping::KeptYears;
use ward::kernel::{EventId, StoreError, TenantId};
use ward::{Keeping, Prunable};

use super::growth::commit;
use super::tree::number;
use crate::connection::Connection;
use crate::error::failed;
use crate::store::Postgres;

const PRUNABLE: &str = "SELECT p.first, p.before FROM ward.prunable($1) p";
/// Places, or words, in one transaction.
const MOST: i32 = 5_000;

type Call = Query<'static, sqlx::Postgres, PgArguments>;

impl Postgres {
    async fn keeping(&self, tenant: TenantId, call: Call) -> Result<Vec<PgRow>, StoreError> {
        let conn = Connection::open(&self.shared, tenant.into(), true).await.map_err(failed)?;
        let rows = conn.fetch(call).await.map_err(failed)?;
        commit(conn).await?;
        Ok(rows)
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
        let call = sqlx::query("SELECT ward.forget_places($1)::bigint AS gone").bind(MOST);
        let rows = self.keeping(tenant, call).await?;
        rows.first().map_or(Ok(0), |row| number(row, "gone"))
    }

    async fn forget_words(&self, tenant: TenantId, after: Option<i64>) -> Result<Option<i64>, StoreError> {
        let call = sqlx::query("SELECT ward.forget_words($1, $2) AS last").bind(after).bind(MOST);
        let rows = self.keeping(tenant, call).await?;
        rows.first().map_or(Ok(None), |row| row.try_get("last").map_err(failed))
    }
}

fn of_years(sql: &'static str, years: KeptYears) -> Call {
    sqlx::query(sql).bind(i32::from(u16::from(years)))
}

fn done(rows: &[PgRow]) -> Result<bool, StoreError> {
    rows.first().map_or(Ok(false), |row| row.try_get("done").map_err(failed))
}
