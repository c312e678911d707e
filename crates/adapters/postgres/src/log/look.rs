//! What the check of logs keeps, and what it puts right: each in a transaction of its own.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::audit::index::Index;
use ward::kernel::{EventId, StoreError, TenantId};
use ward::{Looks, Progress};

use super::growth::commit;
use super::index;
use super::tree::number;
use crate::connection::Connection;
use crate::error::failed;
use crate::gated::Gated;
use crate::scoped::Scoped;
use crate::store::Postgres;
use crate::turns::Shared;

const PROGRESS: &str = "SELECT tile, leaf, at FROM ward.audit_look WHERE tenant = $1";

/// Compare and swap, so that nobody is set back who has come further.
const KEEP: &str = "
    INSERT INTO ward.audit_look AS l (tenant, tile, leaf, at) SELECT $1, $4, $5, $6
    ON CONFLICT (tenant) DO UPDATE SET tile = excluded.tile, leaf = excluded.leaf, at = excluded.at WHERE l.tile = $2 AND l.leaf = $3";

const ENLIST: &str = "SELECT reached, enlisted FROM ward.enlist_leaves($2, $3) WHERE $1::uuid IS NOT NULL";

#[async_trait]
impl Looks for Postgres {
    async fn put_back(&self, tenant: TenantId, index: &Index) -> Result<(), StoreError> {
        write(&self.shared, tenant, index::add(|sql| Scoped::new(tenant.into(), sql), index)).await.map(drop)
    }

    async fn progress(&self, tenant: TenantId) -> Result<Progress, StoreError> {
        let gate = Gated::new(self.shared.clone(), tenant.into());
        let rows = Scoped::new(tenant.into(), PROGRESS).through(&gate).await?;
        let progress = |row: &PgRow| {
            let leaf = row.try_get::<Uuid, _>("leaf").map_err(failed)?.into();
            Ok(Progress { tile: number(row, "tile")?, leaf, at: row.try_get("at").map_err(failed)? })
        };
        rows.first().map_or_else(|| Ok(Progress::default()), progress)
    }

    async fn keep_progress(&self, tenant: TenantId, from: Progress, to: Progress) -> Result<(), StoreError> {
        let keep = Scoped::new(tenant.into(), KEEP).bind(from.tile.cast_signed()).bind(Uuid::from(from.leaf));
        let keep = keep.bind(to.tile.cast_signed()).bind(Uuid::from(to.leaf)).bind(to.at);
        write(&self.shared, tenant, keep).await.map(drop)
    }

    async fn enlist(
        &self,
        tenant: TenantId,
        after: EventId,
        most: u64,
    ) -> Result<(EventId, Vec<EventId>), StoreError> {
        let most = i32::try_from(most).unwrap_or(i32::MAX);
        let enlist = Scoped::new(tenant.into(), ENLIST).bind(Uuid::from(after)).bind(most);
        let rows = write(&self.shared, tenant, enlist).await?;
        let Some(row) = rows.first() else { return Ok((Uuid::nil().into(), Vec::new())) };
        let reached: Option<Uuid> = row.try_get("reached").map_err(failed)?;
        let enlisted: Vec<Uuid> = row.try_get("enlisted").map_err(failed)?;
        Ok((reached.unwrap_or_default().into(), enlisted.into_iter().map(EventId::from).collect()))
    }
}

async fn write(pool: &Shared, tenant: TenantId, statement: Scoped) -> Result<Vec<PgRow>, StoreError> {
    let conn = Connection::open(pool, tenant.into(), true).await.map_err(failed)?;
    let rows = statement.within(&conn).await?;
    commit(conn).await?;
    Ok(rows)
}
