//! Jobs and the outbox: sealed work that becomes due with the commit of its unit.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::kernel::{JobId, Place, StoreError};
use ward::{GivenUp, Job, Lease, Queue};

use crate::error::failed;
use crate::lookup;
use crate::unit::PgUnit;

/// One that was given up gives way; one that is still to be done doesn't, and nothing is returned.
const ADD: &str = "
    INSERT INTO ward.job (tenant, id, kind, payload, created_at) VALUES ($1, $2, $3, $4, now())
    ON CONFLICT (tenant, id) DO UPDATE
    SET kind = EXCLUDED.kind, payload = EXCLUDED.payload, created_at = EXCLUDED.created_at, given_up_at = NULL, attempts = NULL
    WHERE job.given_up_at IS NOT NULL
    RETURNING 1 AS added";
const DUE: &str = "SELECT FROM ward.job WHERE tenant = $1 AND id = $2 AND given_up_at IS NULL";
pub(crate) const PAYLOAD: &str = "SELECT payload FROM ward.job WHERE tenant = $1 AND id = $2";
const REMOVE: &str = "DELETE FROM ward.job WHERE tenant = $1 AND id = $2";
const GIVE_UP: &str = "UPDATE ward.job SET given_up_at = now(), attempts = $3 WHERE tenant = $1 AND id = $2";
const GIVEN_UP: &str = "
    SELECT id, kind, attempts, given_up_at FROM ward.job WHERE tenant = $1 AND given_up_at IS NOT NULL
    ORDER BY given_up_at, id LIMIT $2";

impl PgUnit {
    /// Ends the lease, if this attempt still holds it: only then may the job itself be touched.
    async fn end(&self, lease: &Lease) -> Result<bool, StoreError> {
        let ended = sqlx::query("SELECT ward.finish_job($1, $2) AS held");
        held(self, ended.bind(Uuid::from(lease.id)).bind(lease.attempt)).await
    }

    fn job_place(&self, id: JobId) -> Place<'static> {
        Place { tenant: self.writer.tenant(), row: id.into(), column: "payload" }
    }
}

#[async_trait]
impl Queue for PgUnit {
    async fn enqueue(&mut self, job: &Job) -> Result<(), StoreError> {
        let sealed = self.keys.queue().seal(self.job_place(job.id), &job.payload);
        let sealed = sealed.map_err(|error| StoreError::Failed(Box::new(error)))?;
        let add = self.scoped(ADD).bind(Uuid::from(job.id)).bind(job.kind).bind(sealed);
        if add.within(&self.conn).await?.is_empty() {
            return Err(StoreError::Taken { constraint: "job_pkey".into() });
        }
        let due = sqlx::query("SELECT ward.enqueue_job($1, $2, $3)");
        lookup::call(self, due.bind(Uuid::from(job.id)).bind(job.kind).bind(job.run_at)).await
    }

    async fn is_enqueued(&mut self, id: JobId) -> Result<bool, StoreError> {
        Ok(!self.scoped(DUE).bind(Uuid::from(id)).within(&self.conn).await?.is_empty())
    }

    async fn payload(&mut self, lease: &Lease) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.scoped(PAYLOAD).bind(Uuid::from(lease.id)).within(&self.conn).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let sealed: Vec<u8> = row.try_get("payload").map_err(failed)?;
        let opened = self.keys.queue().open(self.job_place(lease.id), &sealed);
        opened
            .map(|clear| Some(clear.as_bytes().to_vec()))
            .map_err(|error| StoreError::Failed(Box::new(error)))
    }

    async fn finish(&mut self, lease: &Lease) -> Result<bool, StoreError> {
        let held = self.end(lease).await?;
        if held {
            self.scoped(REMOVE).bind(Uuid::from(lease.id)).within(&self.conn).await?;
        }
        Ok(held)
    }

    async fn postpone(&mut self, lease: &Lease, run_at: DateTime<Utc>) -> Result<bool, StoreError> {
        let put_off = sqlx::query("SELECT ward.postpone_job($1, $2, $3) AS held");
        held(self, put_off.bind(Uuid::from(lease.id)).bind(lease.attempt).bind(run_at)).await
    }

    async fn give_up(&mut self, lease: &Lease) -> Result<bool, StoreError> {
        let held = self.end(lease).await?;
        if held {
            let give_up = self.scoped(GIVE_UP).bind(Uuid::from(lease.id)).bind(lease.attempt);
            give_up.within(&self.conn).await?;
        }
        Ok(held)
    }

    async fn given_up(&mut self, most: u32) -> Result<Vec<GivenUp>, StoreError> {
        let rows = self.scoped(GIVEN_UP).bind(i64::from(most)).within(&self.conn).await?;
        rows.iter().map(given_up).collect::<Result<_, _>>().map_err(failed)
    }
}

fn given_up(row: &PgRow) -> Result<GivenUp, sqlx::Error> {
    Ok(GivenUp {
        id: row.try_get::<Uuid, _>("id")?.into(),
        kind: row.try_get("kind")?,
        attempts: row.try_get("attempts")?,
        since: row.try_get("given_up_at")?,
    })
}

async fn held(
    unit: &PgUnit,
    query: sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>,
) -> Result<bool, StoreError> {
    let rows = unit.conn.fetch(query).await.map_err(failed)?;
    rows.first().map_or(Ok(false), |row| row.try_get("held")).map_err(failed)
}
