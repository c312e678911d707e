//! Jobs of which something goes wrong: the worker dies, the work fails, the payload doesn't open.

use chrono::{DateTime, TimeDelta, Utc};
use ward::audit::Event;
use ward::kernel::{Clock as _, JobId, StoreError, TenantId};
use ward::{Deployment as _, Job, Lease, Store as _, Unit};

use crate::support::{WRITE, WROTE, World, world};

struct Queued {
    w: World,
    tenant: TenantId,
    id: JobId,
}

impl Queued {
    /// A job that is due.
    async fn new() -> Self {
        let w = world().await;
        let (tenant, id) = (w.tenant().await, w.id());
        let queued = Self { w, tenant, id };
        queued.enqueue(b"dear Ada").await.unwrap();
        queued
    }

    async fn enqueue(&self, payload: &[u8]) -> Result<(), StoreError> {
        let job = Job { id: self.id, kind: "mail", payload: payload.to_vec(), run_at: DateTime::UNIX_EPOCH };
        let mut unit = self.unit().await;
        unit.enqueue(&job).await?;
        self.commit(unit).await;
        Ok(())
    }

    async fn unit(&self) -> Box<dyn Unit> {
        self.w.store.begin(self.w.permit(self.tenant, &WRITE)).await.unwrap()
    }

    async fn commit(&self, unit: Box<dyn Unit>) {
        unit.commit(Event::of(&WRITE, WROTE, self.tenant)).await.unwrap();
    }

    async fn lease(&self, seconds: u32) -> Option<Lease> {
        self.w.store.lease(&["mail"], 10, seconds).await.unwrap().pop()
    }

    async fn postpone(&self, lease: &Lease, until: DateTime<Utc>) {
        let mut unit = self.unit().await;
        assert!(unit.postpone(lease, until).await.unwrap());
        self.commit(unit).await;
    }
}

#[tokio::test]
async fn a_lease_that_ran_out_is_another_workers_and_ends_nothing() {
    let q = Queued::new().await;
    let dead = q.lease(0).await.unwrap();
    let second = q.lease(60).await.unwrap();
    assert_eq!((dead.attempt, second.attempt), (1, 2));
    // Should the first come back after all, it changes nothing, even if it doesn't listen.
    let mut unit = q.unit().await;
    assert!(!unit.finish(&dead).await.unwrap());
    assert!(!unit.give_up(&dead).await.unwrap());
    assert!(!unit.postpone(&dead, DateTime::UNIX_EPOCH).await.unwrap());
    q.commit(unit).await;

    let mut unit = q.unit().await;
    assert_eq!(unit.payload(&second).await.unwrap().unwrap(), b"dear Ada");
    assert!(unit.given_up(1).await.unwrap().is_empty());
    assert!(unit.finish(&second).await.unwrap());
    q.commit(unit).await;
    assert!(q.lease(60).await.is_none());
    let mut unit = q.unit().await;
    assert!(!unit.is_enqueued(q.id).await.unwrap());
    assert!(unit.payload(&second).await.unwrap().is_none());
}

#[tokio::test]
async fn a_job_that_is_put_off_is_leased_no_sooner() {
    let q = Queued::new().await;
    let lease = q.lease(60).await.unwrap();
    q.postpone(&lease, q.w.machine.now() + TimeDelta::hours(1)).await;
    assert!(q.lease(60).await.is_none());
    q.postpone(&lease, q.w.machine.now() - TimeDelta::hours(1)).await;
    assert_eq!(q.lease(60).await.unwrap().attempt, 2);
}

#[tokio::test]
async fn a_job_that_is_given_up_is_kept_and_seen_and_leased_no_more() {
    let q = Queued::new().await;
    let lease = q.lease(60).await.unwrap();
    let mut dropped = q.unit().await;
    assert!(dropped.give_up(&lease).await.unwrap());
    drop(dropped);
    let mut unit = q.unit().await;
    assert!(unit.is_enqueued(q.id).await.unwrap());
    assert!(unit.give_up(&lease).await.unwrap());
    q.commit(unit).await;

    assert!(q.lease(0).await.is_none());
    let mut unit = q.unit().await;
    assert!(!unit.is_enqueued(q.id).await.unwrap());
    let seen = unit.given_up(10).await.unwrap();
    assert_eq!((seen.len(), seen[0].id, &*seen[0].kind, seen[0].attempts), (1, q.id, "mail", 1));
    assert_eq!(unit.payload(&lease).await.unwrap().unwrap(), b"dear Ada");
    drop(unit);

    q.enqueue(b"dear Bea").await.unwrap();
    let anew = q.lease(60).await.unwrap();
    let mut unit = q.unit().await;
    assert_eq!((anew.attempt, unit.payload(&anew).await.unwrap().unwrap()), (1, b"dear Bea".to_vec()));
    assert!(unit.given_up(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_job_is_not_added_twice() {
    let q = Queued::new().await;
    assert!(matches!(q.enqueue(b"again").await, Err(StoreError::Taken { .. })));
    let lease = q.lease(60).await.unwrap();
    assert_eq!(q.unit().await.payload(&lease).await.unwrap().unwrap(), b"dear Ada");
}

#[tokio::test]
async fn a_job_whose_payload_does_not_open_can_be_given_up() {
    let q = Queued::new().await;
    q.w.db.run("postgres", "UPDATE ward.job SET payload = decode('0011', 'hex')").await.unwrap();
    let lease = q.lease(60).await.unwrap();
    let mut unit = q.unit().await;
    assert!(unit.payload(&lease).await.is_err());
    assert!(unit.give_up(&lease).await.unwrap());
    q.commit(unit).await;
    assert_eq!(q.unit().await.given_up(10).await.unwrap().len(), 1);
}
