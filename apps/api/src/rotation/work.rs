//! Rotations at work: each batch is a job of its own, leased by one replica, and commits what it moved together with the job for the next. Whoever
//! is killed leaves a lease that runs out.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ward::audit::{Event, Events};
use ward::crypto::KeyPurpose;
use ward::kernel::{JobId, Operation, RotationId, StoreError, TenantId, Uuid, authority};
use ward::rbac::Permit;
use ward::{
    ADVANCE_ROTATION, Deployment as _, Job, KEY_RETIRED, Lease, Next, NextOwn, RETIRE_KEYS, ROTATED,
    ROTATION_INTERRUPTED, ROTATION_RESUMED, ROTATION_STARTED, ROTATOR, Rotation, RotationState,
    SCHEDULE_ROTATIONS, Store as _, Unit, advance,
};

use crate::app::App;
use crate::custodian::TRIES;
use crate::heads::Failure;
use crate::logs;
use crate::rotation::side_by_side::side_by_side;
use crate::rotation::why;

/// The kind of job that takes a rotation a step further.
const KIND: &str = "rotation";
/// How long a batch may take before another replica tries.
const LEASE_SECONDS: u32 = 60;
/// After a version was made: until nothing new is put under the one before, and a moment more.
const SETTLING: TimeDelta = TimeDelta::seconds(185);
/// For how long what failed again and again isn't tried.
const REST: TimeDelta = TimeDelta::minutes(5);

/// The job of a rotation, of which there is one at a time.
pub(crate) fn job(rotation: RotationId, run_at: DateTime<Utc>) -> Job {
    let id = Uuid::from(rotation);
    Job { id: job_id(rotation), kind: KIND, payload: id.as_bytes().to_vec(), run_at }
}

pub(crate) fn job_id(rotation: RotationId) -> JobId {
    Uuid::new_v5(&rotation.into(), KIND.as_bytes()).into()
}

/// Begins the rotation of each of `purposes` in the unit's tenant: answers those under way, and an event for each that wasn't before.
pub(crate) async fn begin(
    app: &App,
    unit: &mut dyn Unit,
    purposes: &[KeyPurpose],
) -> Result<(Vec<Rotation>, Vec<Event>), StoreError> {
    let (mut under_way, mut events) = (Vec::new(), Vec::new());
    for &purpose in purposes {
        let id = RotationId::from(app.machine.next());
        let begun = unit.begin_rotation(id, purpose).await?;
        if begun.id == id {
            unit.enqueue(&job(id, app.clock().now())).await?;
            let event = Event::of(unit.writer().operation, ROTATION_STARTED, id);
            events.push(event.noting("key", purpose.as_str()));
        }
        under_way.push(begun);
    }
    Ok((under_way, events))
}

/// Has a rotation go on that rested, as `rotation` has it by now.
pub(crate) async fn resume(app: &App, unit: &mut dyn Unit, rotation: &Rotation) -> Result<(), StoreError> {
    unit.replace_rotation(rotation).await?;
    if unit.is_enqueued(job_id(rotation.id)).await? {
        return Ok(());
    }
    unit.enqueue(&job(rotation.id, app.clock().now())).await
}

/// Takes every rotation that is due a step further, until none is.
pub(crate) async fn run_due(app: &App) -> Result<(), Failure> {
    let lease = async || Ok(app.store.lease(&[KIND], 1, LEASE_SECONDS).await?.pop());
    side_by_side(lease, async |lease: Lease| run_leased(app, &lease).await).await
}

/// A lease that isn't ended runs out, and is tried again then.
async fn run_leased(app: &App, lease: &Lease) {
    let why = match run(app, lease).await {
        Ok(Step::Rests) => return,
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(tenant = %Uuid::from(lease.tenant), attempt = lease.attempt, error = logs::causes(&*error), "a rotation of keys waits");
            Some(why::word(&*error))
        }
    };
    if let Err(error) = app.store.note_failure(lease, why).await {
        tracing::warn!(tenant = %Uuid::from(lease.tenant), error = logs::causes(&error), "why a rotation of keys waits can't be noted");
    }
}

/// What came of an attempt.
#[derive(Clone, Copy)]
enum Step {
    /// It went on, or another did it.
    Done,
    /// It needs the next version of the tenant's own key.
    Own,
    /// It rests.
    Rests,
}

async fn run(app: &App, lease: &Lease) -> Result<Step, Failure> {
    let mut own = None;
    for _ in 0..TRIES {
        match step(app, lease, own.as_ref()).await? {
            Step::Own => own = Some(next_own(app, lease.tenant).await?),
            step => return Ok(step),
        }
    }
    Err("the tenant's keys were changed by others again and again".into())
}

/// Has whoever wraps the tenant's own key make its next version. No unit is open meanwhile: nobody's connection waits for the service, nor does
/// whoever moves the key.
async fn next_own(app: &App, tenant: TenantId) -> Result<NextOwn, Failure> {
    let mut reading = app.store.read(permit(app, tenant, &ADVANCE_ROTATION)?).await?;
    let (seen, suite) = (reading.custody().await?.stored, reading.keys().suite());
    let newest = seen.keys.iter().map(|key| key.id).max().ok_or("the tenant has no keys")?;
    let made = app.store.keyring().make_own(tenant, seen.external.as_deref(), (newest, suite)).await?;
    Ok(NextOwn { seen, made })
}

async fn step(app: &App, lease: &Lease, own: Option<&NextOwn>) -> Result<Step, Failure> {
    let mut unit = app.store.begin(permit(app, lease.tenant, &ADVANCE_ROTATION)?).await?;
    let Some(payload) = unit.payload(lease).await? else { return Ok(Step::Done) };
    let id = RotationId::from(Uuid::from_slice(&payload)?);
    let Some(rotation) = unit.hold_rotation(id).await? else { return Err("no such rotation".into()) };
    if rotation.state != RotationState::Running || lease.is_spent() {
        return rest(app, unit, lease, rotation).await.map(|()| Step::Rests);
    }
    let (next, event) = advance(&mut *unit, rotation, own).await?;
    // Nothing happened: the lease runs out, and by then something may.
    let Some(event) = event else { return Ok(if next == Next::Own { Step::Own } else { Step::Done }) };
    if !unit.finish(lease).await? {
        return Ok(Step::Done); // another replica did it meanwhile
    }
    let now = app.clock().now();
    match next {
        Next::Now | Next::Own => unit.enqueue(&job(id, now)).await?,
        Next::Settled => unit.enqueue(&job(id, now + SETTLING)).await?,
        Next::Nothing => {}
    }
    unit.commit(event).await?;
    Ok(Step::Done)
}

/// What was paused rests until somebody resumes it; what failed again and again, for a while: keys that couldn't be had, say, may be had by then.
async fn rest(app: &App, mut unit: Box<dyn Unit>, lease: &Lease, rotation: Rotation) -> Result<(), Failure> {
    if !unit.finish(lease).await? {
        return Ok(());
    }
    if rotation.state == RotationState::Running {
        tracing::error!(tenant = %Uuid::from(lease.tenant), rotation = %rotation.id, attempts = lease.attempt, "a rotation of keys failed again and again, and rests");
        unit.enqueue(&job(rotation.id, app.clock().now() + REST)).await?;
    }
    let event = Event::of(&ADVANCE_ROTATION, ROTATION_INTERRUPTED, rotation.id);
    unit.commit(event.noting("key", rotation.purpose.as_str()).noting("rows", rotation.done)).await?;
    Ok(())
}

/// Begins what is due by age, as the profile says, or by what a key sealed, and destroys what nothing needs any more.
pub(crate) async fn keep(app: &App) -> Result<(), Failure> {
    for tenant in app.tenants().await? {
        // One whose keys can't be had, say, keeps no other waiting.
        if let Err(error) = keep_of(app, tenant).await {
            tracing::warn!(tenant = %Uuid::from(tenant), error = logs::causes(&*error), "a tenant's keys are older than they should be");
        }
    }
    Ok(())
}

async fn keep_of(app: &App, tenant: TenantId) -> Result<(), Failure> {
    schedule(app, tenant, app.profile.rotate_days).await?;
    retire(app, tenant).await
}

async fn schedule(app: &App, tenant: TenantId, days: Option<u32>) -> Result<(), Failure> {
    let mut unit = app.store.begin(permit(app, tenant, &SCHEDULE_ROTATIONS)?).await?;
    let mut events = resume_worn(app, &mut *unit).await?;
    let due = unit.due_rotations(days).await?;
    events.extend(begin(app, &mut *unit, &due).await?.1);
    if let Some(events) = Events::all(events) {
        unit.commit(events).await?;
    }
    Ok(())
}

/// Has rotations go on that rest and must not, since their keys sealed as much as one may: whoever paused them did so before.
async fn resume_worn(app: &App, unit: &mut dyn Unit) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    for worn in unit.worn_rotations().await? {
        let held = unit.hold_rotation(worn.id).await?;
        let Some(rotation) = held.filter(|held| held.state == RotationState::Paused) else { continue };
        resume(app, unit, &Rotation { state: RotationState::Running, ..rotation.clone() }).await?;
        tracing::warn!(tenant = %Uuid::from(unit.writer().tenant()), rotation = %rotation.id, "a rotation that was paused goes on: its key sealed as much as one may");
        let event = Event::of(&SCHEDULE_ROTATIONS, ROTATION_RESUMED, rotation.id).noting("why", "worn");
        events.push(event.noting("key", rotation.purpose.as_str()).noting("rows", rotation.done));
    }
    Ok(events)
}

pub(crate) async fn retire(app: &App, tenant: TenantId) -> Result<(), Failure> {
    for purpose in ROTATED {
        let mut unit = app.store.begin(permit(app, tenant, &RETIRE_KEYS)?).await?;
        let gone = unit.retire(purpose).await?;
        if !gone.is_empty() {
            let ids: Vec<_> = gone.iter().map(ToString::to_string).collect();
            let event = Event::of(&RETIRE_KEYS, KEY_RETIRED, tenant).noting("key", purpose.as_str());
            unit.commit(event.noting("ids", ids.join(" "))).await?;
        }
    }
    Ok(())
}

fn permit(app: &App, tenant: TenantId, operation: &'static Operation) -> Result<Permit, Failure> {
    #[expect(clippy::disallowed_methods, reason = "this is the job")]
    let job = Arc::new(authority::system(tenant, ROTATOR));
    Ok(app.policy.permit(&job, operation).map_err(|denied| denied.to_string())?)
}
