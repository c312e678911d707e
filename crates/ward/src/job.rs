use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use ward_kernel::{JobId, StoreError, TenantId};

/// How often a job is tried before it is given up: for some five hours.
const ATTEMPTS: i32 = 12;
/// How long to wait after the first failure; after each further one, twice as long.
const FIRST: TimeDelta = TimeDelta::seconds(30);
const LONGEST: TimeDelta = TimeDelta::hours(1);

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

impl Lease {
    /// When to try again after this attempt failed at `now`; never, if it was the last.
    pub fn retry_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let doubled = u32::try_from(self.attempt - 1).ok().and_then(|times| 1_i32.checked_shl(times.min(30)));
        let pause = doubled.and_then(|factor| FIRST.checked_mul(factor)).unwrap_or(LONGEST);
        (self.attempt < ATTEMPTS).then(|| now + pause.min(LONGEST))
    }

    /// Whether the last attempt was never heard of again: it may have ended its process, and isn't made once more.
    pub fn is_spent(&self) -> bool {
        self.attempt > ATTEMPTS
    }
}

/// A job that failed too often: nobody does it any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GivenUp {
    /// Which.
    pub id: JobId,
    /// Which worker should have done it.
    pub kind: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Why a job that is tried again failed last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JobFailure {
    /// Which.
    pub id: JobId,
    /// In a word.
    pub why: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// Port: the unit's tenant's jobs. They become due with the unit's commit, and not without it.
#[async_trait]
pub trait Queue: Send {
    /// Adds a job; one of the same id that was given up gives way to it.
    async fn enqueue(&mut self, job: &Job) -> Result<(), StoreError>;

    /// Whether the job is still to be done.
    async fn is_enqueued(&mut self, id: JobId) -> Result<bool, StoreError>;

    /// What the leased job is to do; nothing, if it was done by another meanwhile.
    async fn payload(&mut self, lease: &Lease) -> Result<Option<Vec<u8>>, StoreError>;

    /// Ends the job with this unit; `false` if the lease was lost, and then its effects must not be committed.
    async fn finish(&mut self, lease: &Lease) -> Result<bool, StoreError>;

    /// Puts the job off until `run_at`; `false` if the lease was lost.
    async fn postpone(&mut self, lease: &Lease, run_at: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Gives the job up: it is kept, and leased no more; `false` if the lease was lost.
    async fn give_up(&mut self, lease: &Lease) -> Result<bool, StoreError>;

    /// The jobs that were given up, at most `most`, the oldest first.
    async fn given_up(&mut self, most: u32) -> Result<Vec<GivenUp>, StoreError>;
}

/// Port: what lies across tenants, without anything personal.
#[async_trait]
pub trait Deployment: Send + Sync {
    /// Leases up to `most` due jobs of these kinds, for `seconds`.
    async fn lease(&self, kinds: &[&str], most: u32, seconds: u32) -> Result<Vec<Lease>, StoreError>;

    /// Notes in a word `why` the leased job failed, or that it didn't. The tenant's keys aren't needed.
    async fn note_failure(&self, lease: &Lease, why: Option<&'static str>) -> Result<(), StoreError>;

    /// Up to `most` tenants, in the order of their ids, after `after`.
    async fn tenants(&self, after: Option<TenantId>, most: u32) -> Result<Vec<TenantId>, StoreError>;
}

#[cfg(test)]
mod tests {
    use ward_kernel::Uuid;

    use super::*;

    #[test]
    fn a_job_is_tried_ever_more_rarely_and_not_for_ever() {
        let now = DateTime::UNIX_EPOCH;
        let lease = |attempt| Lease {
            tenant: Uuid::nil().into(),
            id: Uuid::nil().into(),
            kind: "mail".into(),
            attempt,
        };
        let pause = |attempt| lease(attempt).retry_at(now).map(|at| (at - now).num_seconds());
        let pauses: Vec<_> = (1..ATTEMPTS).map(|attempt| pause(attempt).unwrap()).collect();
        assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]);
        assert_eq!([ATTEMPTS, ATTEMPTS + 1, i32::MAX].map(pause), [None; 3]);
        assert!(!lease(ATTEMPTS).is_spent() && lease(ATTEMPTS + 1).is_spent());
    }
}
