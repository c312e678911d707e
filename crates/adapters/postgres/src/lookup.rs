//! What lies across tenants: reached only through definer functions that answer one narrow question each.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres as Driver, Row as _};
use uuid::Uuid;
use ward::kernel::{ApiKeyId, StoreError, TenantId};
use ward::{Credentials, Deployment, KeyHolder, Lease};

use crate::error::failed;
use crate::store::Postgres;
use crate::unit::PgUnit;

pub(crate) async fn register(unit: &PgUnit) -> Result<(), StoreError> {
    call(unit, sqlx::query("SELECT ward.register_tenant()")).await
}

/// Runs a definer function that reads the unit's tenant for itself.
pub(crate) async fn call(
    unit: &PgUnit,
    query: Query<'static, Driver, PgArguments>,
) -> Result<(), StoreError> {
    unit.conn.fetch(query).await.map_err(failed).map(drop)
}

#[async_trait]
impl Credentials for Postgres {
    async fn api_key(&self, digest: [u8; 32]) -> Result<Option<KeyHolder>, StoreError> {
        let query = sqlx::query(
            "SELECT tenant, id, permissions, expires_at, revoked_at FROM ward.api_key_holder($1)",
        );
        let row = query.bind(digest.to_vec()).fetch_optional(&self.pool).await.map_err(failed)?;
        row.as_ref().map(holder).transpose().map_err(failed)
    }

    async fn used(&self, keys: &[(ApiKeyId, DateTime<Utc>)]) -> Result<(), StoreError> {
        let (ids, at): (Vec<Uuid>, Vec<_>) = keys.iter().map(|(id, at)| (Uuid::from(*id), *at)).unzip();
        let query = sqlx::query("SELECT ward.touch_api_keys($1, $2)").bind(ids).bind(at);
        query.execute(&self.pool).await.map_err(failed).map(drop)
    }
}

fn holder(row: &PgRow) -> Result<KeyHolder, sqlx::Error> {
    Ok(KeyHolder {
        tenant: row.try_get::<Uuid, _>("tenant")?.into(),
        id: row.try_get::<Uuid, _>("id")?.into(),
        permissions: row.try_get("permissions")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}

#[async_trait]
impl Deployment for Postgres {
    async fn lease(&self, kinds: &[&str], most: u32, seconds: u32) -> Result<Vec<Lease>, StoreError> {
        let kinds: Vec<String> = kinds.iter().map(|&kind| kind.into()).collect();
        let query = sqlx::query("SELECT tenant, id, kind, attempts FROM ward.lease_jobs($1, $2, $3)");
        let query = query.bind(kinds).bind(most.cast_signed()).bind(seconds.cast_signed());
        let rows = query.fetch_all(&self.pool).await.map_err(failed)?;
        rows.iter().map(lease).collect::<Result<_, _>>().map_err(failed)
    }

    async fn note_failure(&self, lease: &Lease, why: Option<&'static str>) -> Result<(), StoreError> {
        let note = sqlx::query("SELECT ward.note_failure($1, $2, $3)");
        let note = note.bind(Uuid::from(lease.tenant)).bind(Uuid::from(lease.id)).bind(why);
        note.execute(&self.pool).await.map_err(failed).map(drop)
    }

    async fn tenants(&self, after: Option<TenantId>, most: u32) -> Result<Vec<TenantId>, StoreError> {
        let query = sqlx::query_scalar("SELECT ward.tenants($1, $2)");
        let query = query.bind(after.map(Uuid::from)).bind(most.cast_signed());
        let tenants: Vec<Uuid> = query.fetch_all(&self.pool).await.map_err(failed)?;
        Ok(tenants.into_iter().map(Into::into).collect())
    }
}

fn lease(row: &PgRow) -> Result<Lease, sqlx::Error> {
    Ok(Lease {
        tenant: row.try_get::<Uuid, _>("tenant")?.into(),
        id: row.try_get::<Uuid, _>("id")?.into(),
        kind: row.try_get("kind")?,
        attempt: row.try_get("attempts")?,
    })
}
