use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ward_kernel::{JobId, StoreError, TenantId};

/// Work for later. Its payload is sealed at rest: an outgoing message is a job like any other.
#[derive(Clone, Debug)]
pub struct Job {
    /// Names it.
    pub id: JobId,
    /// Which worker does it.
    pub kind: &'static str,
    /// What the worker needs to know.
    pub payload: Vec<u8>,
    /// When it is due.
    pub run_at: DateTime<Utc>,
}

/// A job that only this process may do, until the lease runs out.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Whose job.
    pub tenant: TenantId,
    /// Which.
    pub id: JobId,
    /// Which worker does it.
    pub kind: String,
    /// How often it was leased, this time included. A lease that another took over can't end the job.
    pub attempt: i32,
}

/// Port: the unit's tenant's jobs. They become due with the unit's commit, and not without it.
#[async_trait]
pub trait Queue: Send {
    /// Adds a job.
    async fn enqueue(&mut self, job: &Job) -> Result<(), StoreError>;

    /// Whether the job is still to be done.
    async fn is_enqueued(&mut self, id: JobId) -> Result<bool, StoreError>;

    /// What the leased job is to do; nothing, if it was done by another meanwhile.
    async fn payload(&mut self, lease: &Lease) -> Result<Option<Vec<u8>>, StoreError>;

    /// Ends the job with this unit; `false` if the lease was lost, and then the unit must not commit.
    async fn finish(&mut self, lease: &Lease) -> Result<bool, StoreError>;

    /// Puts the job off until `run_at`.
    async fn postpone(&mut self, lease: &Lease, run_at: DateTime<Utc>) -> Result<bool, StoreError>;
}

/// Port: what lies across tenants, without anything personal.
#[async_trait]
pub trait Deployment: Send + Sync {
    /// Leases up to `most` due jobs of these kinds, for `seconds`.
    async fn lease(&self, kinds: &[&str], most: u32, seconds: u32) -> Result<Vec<Lease>, StoreError>;

    /// Up to `most` tenants, in the order of their ids, after `after`.
    async fn tenants(&self, after: Option<TenantId>, most: u32) -> Result<Vec<TenantId>, StoreError>;
}
