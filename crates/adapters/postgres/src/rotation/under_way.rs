//! Rotations as whoever runs the deployment sees them, whether or not the tenant's keys can be had.

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::kernel::{StoreError, TenantId};
use ward::{JobFailure, Rotation};

use super::rotation;
use crate::error::failed;
use crate::gated::Gated;
use crate::scoped::Scoped;
use crate::store::Postgres;

const UNDER_WAY: &str = "
    SELECT r.*, EXISTS (SELECT FROM ward.wrapped_key k WHERE k.tenant = $1 AND k.purpose = r.purpose AND k.subject IS NULL
        AND k.bytes IS NOT NULL AND k.created_at > greatest(r.begun_at, now() - interval '3 min')) AS settles
    FROM ward.rotation r WHERE r.tenant = $1 AND r.state <> 'ended' ORDER BY r.id";
const FAILURES: &str = "SELECT f.job, f.why, f.failed_at FROM ward.tenant t CROSS JOIN ward.job_failures() f WHERE t.tenant = $1";

/// A rotation that hasn't ended.
#[derive(Clone, Debug)]
pub struct UnderWay {
    /// How far it is.
    pub rotation: Rotation,
    /// Whether it waits, since the version that it made isn't the one under which everybody puts what is new yet.
    pub settles: bool,
}

impl Postgres {
    /// A tenant's rotations that are under way, at rest or not.
    pub async fn rotations_under_way(&self, tenant: TenantId) -> Result<Vec<UnderWay>, StoreError> {
        let read = |row: &PgRow| {
            Ok(UnderWay { rotation: rotation(row)?, settles: row.try_get("settles").map_err(failed)? })
        };
        self.look(tenant, UNDER_WAY).await?.iter().map(read).collect()
    }

    /// Why a tenant's jobs failed last, of those for which that is [noted](ward::Deployment::note_failure).
    pub async fn job_failures(&self, tenant: TenantId) -> Result<Vec<JobFailure>, StoreError> {
        self.look(tenant, FAILURES).await?.iter().map(failure).collect::<Result<_, _>>().map_err(failed)
    }

    async fn look(&self, tenant: TenantId, sql: &'static str) -> Result<Vec<PgRow>, StoreError> {
        let gate = Gated::new(self.shared.clone(), tenant.into());
        Scoped::new(tenant.into(), sql).through(&gate).await
    }
}

fn failure(row: &PgRow) -> Result<JobFailure, sqlx::Error> {
    let id = row.try_get::<Uuid, _>("job")?.into();
    Ok(JobFailure { id, why: row.try_get("why")?, at: row.try_get("failed_at")? })
}
