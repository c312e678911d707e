//! The audit log as a tree: how it grows, and how it is read.

mod delivery;
mod erasure;
mod growth;
mod index;
mod keeping;
mod look;
mod search;
mod stored;
mod tree;
mod view;

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::Row as _;
use uuid::Uuid;
use ward::Logs;
use ward::audit::sequence::{Growth, Head};
use ward::crypto::TenantKeys;
use ward::kernel::{EventId, StoreError, TenantId};

use crate::error::failed;
use crate::store::Postgres;
use growth::PgGrowth;
pub use keeping::PrunedLog;

#[async_trait]
impl Logs for Postgres {
    async fn waiting(&self, most: u32) -> Result<Vec<(TenantId, EventId)>, StoreError> {
        let query = sqlx::query("SELECT tenant, first FROM ward.awaiting_place($1)").bind(most.cast_signed());
        let rows = query.fetch_all(&self.pool).await.map_err(failed)?;
        let waiting = |row| {
            let row: &sqlx::postgres::PgRow = row;
            Ok::<_, sqlx::Error>((
                row.try_get::<Uuid, _>("tenant")?.into(),
                row.try_get::<Uuid, _>("first")?.into(),
            ))
        };
        rows.iter().map(waiting).collect::<Result<_, _>>().map_err(failed)
    }

    async fn grow(
        &self,
        tenant: TenantId,
        patient: bool,
    ) -> Result<(Box<dyn Growth>, Arc<TenantKeys>), StoreError> {
        let keys = self.keys(tenant).await?;
        Ok((Box::new(PgGrowth::begin(&self.shared, tenant, patient).await?), keys))
    }

    async fn keep_witnessed(&self, tenant: TenantId, head: &Head) -> Result<(), StoreError> {
        PgGrowth::begin(&self.shared, tenant, true).await?.keep_witnessed(head).await
    }

    async fn keep_months(&self, ahead: u32) -> Result<(), StoreError> {
        let query = sqlx::query("SELECT ward.keep_months($1)").bind(ahead.cast_signed());
        query.execute(&self.pool).await.map_err(failed).map(drop)
    }
}
