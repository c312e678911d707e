//! What runs beside the requests: checks on schedule, answers forgotten, what was counted written.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt as _;
use tokio::task::JoinSet;
use ward::assurance::{Kind, RUN_PROBE, Run};
use ward::audit::Event;
use ward::kernel::{Action, Entity, Operation, Requires, StoreError, TenantId, Uuid, authority};
use ward::{Deployment as _, Job, Lease, Logs as _, Store as _};

use crate::admission;
use crate::app::App;
use crate::http::problem::Refused;
use crate::probe::{self, SCHEDULE_PROBES};
use crate::{custodian, due, erasure, heads, keeping, rotation, sequencing};

/// The kind of job that runs a check.
const PROBE: &str = "probe";
/// For how many months ahead there is room in the log.
pub(crate) const MONTHS: u32 = 3;
/// How long a replica may take over a check before another does it.
const LEASE_SECONDS: u32 = 120;
const JANITOR: &str = "janitor";
const FORGOTTEN: Action = Action::new("idempotency.answers_purged");

/// Removes answers kept for idempotent requests, a day after they were given.
pub(crate) static FORGET_ANSWERS: Operation = Operation {
    id: "forgetAnswers",
    requires: Requires::Job(JANITOR),
    events: &[FORGOTTEN],
    writes: true,
    discloses: false,
    controls: &["W4"],
    rate: "job",
    idempotent: false,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;
/// Logged with what it came from.
type Cause<'a> = &'a (dyn std::error::Error + 'static);

/// Starts everything that runs beside the requests.
pub(crate) fn start(beside: &mut JoinSet<()>, app: &Arc<App>) {
    beside.spawn(lasting(app.clone(), admission::keep));
    beside.spawn(every(Duration::from_secs(1), app.clone(), |app| async move { run_due(&app).await }));
    beside.spawn(every(Duration::from_secs(1), app.clone(), |app| async move {
        rotation::work::run_due(&app).await
    }));
    beside.spawn(every(Duration::from_secs(3600), app.clone(), |app| async move {
        rotation::work::keep(&app).await
    }));
    beside.spawn(every(Duration::from_millis(100), app.clone(), |app| async move {
        sequencing::sweep(&app).await
    }));
    beside.spawn(lasting(app.clone(), custodian::forget));
    beside.spawn(every(
        erasure::work::PAUSE,
        app.clone(),
        |app| async move { erasure::work::keep(&app).await },
    ));
    beside.spawn(every(Duration::from_secs(1), app.clone(), |app| async move {
        Ok(custodian::watch(&app).await?)
    }));
    beside.spawn(lasting(app.clone(), heads::keep));
    beside.spawn(lasting(app.clone(), due::keep));
    beside.spawn(every(Duration::from_secs(60), app.clone(), |app| async move {
        Ok(app.store.keep_months(MONTHS).await?)
    }));
    if let Some(years) = app.keep {
        let prune = move |app: Arc<App>| async move { keeping::prune(&app, years).await };
        beside.spawn(every(Duration::from_secs(86_400), app.clone(), prune));
    }
    beside.spawn(every(Duration::from_secs(300), app.clone(), |app| async move { plan(&app).await }));
    beside.spawn(every(Duration::from_secs(30), app.clone(), |app| async move {
        flush(&app, app.clock().now()).await;
        Ok(())
    }));
    // A key that is too old to be lent is to lie in memory no longer either.
    beside.spawn(every(Duration::from_secs(1), app.clone(), |app| async move {
        app.store.sweep_keys();
        Ok(())
    }));
    beside.spawn(every(
        Duration::from_secs(3600),
        app.clone(),
        |app| async move { forget_answers(&app).await },
    ));
}

/// Does some work again and again, even where it panicked: what is broken of one tenant is not to stop what all need.
async fn every<A: Clone, F>(pause: Duration, app: A, work: impl Fn(A) -> F)
where
    F: Future<Output = Result<(), Failure>>,
{
    loop {
        if let Ok(Err(error)) = AssertUnwindSafe(work(app.clone())).catch_unwind().await {
            tracing::warn!(error = &*error as Cause, "a task beside the requests failed");
        }
        tokio::time::sleep(pause).await;
    }
}

/// Begins work that has no end anew where it panicked.
async fn lasting<A: Clone, F: Future<Output = ()>>(app: A, work: impl Fn(A) -> F) {
    while AssertUnwindSafe(work(app.clone())).catch_unwind().await.is_err() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Writes what was counted in memory, as far as its minute is over at `now`.
pub(crate) async fn flush(app: &App, now: DateTime<Utc>) {
    if let Err(error) = app.usage.write(&*app.credentials).await {
        tracing::warn!(error = &error as Cause, "when keys were used could not be written");
    }
    if let Err(error) = app.refusals.write(&*app.store, &app.policy, now).await {
        tracing::warn!(error = &error as Cause, "refusals could not be logged");
    }
    if let Err(error) = app.store.count_sealings().await {
        tracing::warn!(error = &error as Cause, "what keys sealed could not be counted");
    }
}

/// Plans every check that isn't planned, or was given up.
pub(crate) async fn plan(app: &App) -> Result<(), Failure> {
    let mut unit =
        app.store.begin(app.prober(TenantId::DEPLOYMENT, &SCHEDULE_PROBES).map_err(denied)?).await?;
    let mut planned = Vec::new();
    for name in probe::names() {
        if !unit.is_enqueued(job_id(name).into()).await? {
            match unit.enqueue(&job(name, app.clock().now())).await {
                Ok(()) => planned.push(name),
                // Another replica does the same at the same time.
                Err(StoreError::Taken { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
    if !planned.is_empty() {
        unit.commit(scheduled(&planned)).await?;
    }
    Ok(())
}

async fn run_due(app: &App) -> Result<(), Failure> {
    while let Some(lease) = app.store.lease(&[PROBE], 1, LEASE_SECONDS).await?.pop() {
        // One that was spent without a word may have ended its process: it isn't run once more.
        if lease.is_spent() {
            put_off(app, &lease).await?;
        } else if let Err(refused) = run_leased(app, &lease).await {
            tracing::error!(?refused, attempt = lease.attempt, "a check could not be recorded");
            put_off(app, &lease).await?;
        }
    }
    Ok(())
}

/// Runs a check, and records it together with the end of its job and the plan for the next.
async fn run_leased(app: &App, lease: &Lease) -> Result<(), Refused> {
    let mut unit = app.store.begin(app.prober(TenantId::DEPLOYMENT, &RUN_PROBE)?).await?;
    let Some(payload) = unit.payload(lease).await? else { return Ok(()) };
    drop(unit);
    let name = String::from_utf8_lossy(&payload).into_owned();
    let turn = app.turn.lock().await;
    let run = app.look(&name).await;
    drop(turn);

    let recorded = record(app, lease, &run).await;
    app.recorded(&run, recorded)
}

async fn record(app: &App, lease: &Lease, run: &Run) -> Result<(), Refused> {
    let mut unit = app.store.begin(app.prober(TenantId::DEPLOYMENT, &RUN_PROBE)?).await?;
    if !unit.finish(lease).await? {
        return Ok(()); // another replica did it meanwhile
    }
    unit.record_run(run).await?;
    unit.enqueue(&job(&run.probe, run.at + app.pause(&run.probe))).await?;
    unit.commit(probe::completed(run)).await?;
    Ok(())
}

/// Puts off what failed, and gives it up when that was its last attempt.
async fn put_off(app: &App, lease: &Lease) -> Result<(), Failure> {
    let mut unit =
        app.store.begin(app.prober(TenantId::DEPLOYMENT, &SCHEDULE_PROBES).map_err(denied)?).await?;
    let (held, action) = match lease.retry_at(app.clock().now()) {
        Some(at) => (unit.postpone(lease, at).await?, probe::PROBES_SCHEDULED),
        None => (unit.give_up(lease).await?, probe::PROBE_ABANDONED),
    };
    if held {
        let event = Event::of(&SCHEDULE_PROBES, action, Entity::from(lease.id));
        unit.commit(event.noting("attempts", lease.attempt)).await?;
    }
    if held && action == probe::PROBE_ABANDONED {
        tracing::error!(job = %Uuid::from(lease.id), attempts = lease.attempt, "a check was given up");
    }
    Ok(())
}

async fn forget_answers(app: &App) -> Result<(), Failure> {
    for tenant in app.bright_tenants().await? {
        // One whose keys can't be had, say, keeps no other waiting.
        if let Err(error) = forget_all_answers_of(app, tenant).await {
            tracing::warn!(tenant = %Uuid::from(tenant), error = &*error as Cause, "answers are kept longer than a day");
        }
    }
    Ok(())
}

async fn forget_all_answers_of(app: &App, tenant: TenantId) -> Result<(), Failure> {
    while forget_answers_of(app, tenant).await? > 0 {}
    Ok(())
}

async fn forget_answers_of(app: &App, tenant: TenantId) -> Result<u64, Failure> {
    #[expect(clippy::disallowed_methods, reason = "this is the job")]
    let job = Arc::new(authority::system(tenant, JANITOR));
    let mut unit = app.store.begin(app.policy.permit(&job, &FORGET_ANSWERS).map_err(denied)?).await?;
    let gone = unit.forget(1_000).await?;
    if gone > 0 {
        unit.commit(Event::of(&FORGET_ANSWERS, FORGOTTEN, tenant).noting("count", gone)).await?;
    }
    Ok(gone)
}

impl App {
    /// Every tenant there is.
    pub(crate) async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let mut all = Vec::new();
        loop {
            let more = self.store.tenants(all.last().copied(), 1_000).await?;
            if more.is_empty() {
                return Ok(all);
            }
            all.extend(more);
        }
    }

    /// A check runs twice while one of its passes counts, so that a claim is never stale for a slow run.
    fn pause(&self, probe: &str) -> TimeDelta {
        let claims = self.profile.claims.iter().filter_map(|claim| match &claim.kind {
            Kind::Proven { probe: behind, interval } if behind == probe => Some(*interval),
            _ => None,
        });
        claims.min().unwrap_or(TimeDelta::minutes(10)) / 2
    }
}

fn job(name: &str, run_at: DateTime<Utc>) -> Job {
    Job { id: job_id(name).into(), kind: PROBE, payload: name.as_bytes().to_vec(), run_at }
}

/// A check has one job at a time, so its id is always the same.
fn job_id(name: &str) -> Uuid {
    Uuid::new_v5(&TenantId::DEPLOYMENT.into(), name.as_bytes())
}

fn scheduled(names: &[&str]) -> Event {
    let event = Event::of(&SCHEDULE_PROBES, probe::PROBES_SCHEDULED, TenantId::DEPLOYMENT);
    let event = event.covering(names.iter().map(|name| Entity::new("job", job_id(name))));
    event.noting("probes", names.join(" "))
}

fn denied(denied: ward::rbac::Denied) -> StoreError {
    StoreError::Failed(Box::new(std::io::Error::other(denied.to_string())))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_that_panics_is_done_again() {
        let times = Arc::new(AtomicU32::new(0));
        let panics_at_first = |times: Arc<AtomicU32>| async move {
            assert!(times.fetch_add(1, Ordering::Relaxed) > 0, "once");
        };
        lasting(times.clone(), panics_at_first).await;
        assert_eq!(times.swap(0, Ordering::Relaxed), 2);

        let work = |times: Arc<AtomicU32>| async move {
            panics_at_first(times).await;
            Ok(())
        };
        let endless = every(Duration::from_secs(1), times.clone(), work);
        assert!(tokio::time::timeout(Duration::from_millis(2_500), endless).await.is_err());
        assert_eq!(times.load(Ordering::Relaxed), 3);
    }
}
