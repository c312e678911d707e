//! Heads of tenants' logs, where somebody else sees them: in the deployment's own log, and at witnesses; and, in [`archived`](crate::archived),
//! outside.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use ward::audit::note::Checkpoint;
use ward::audit::sequence::LogKeys as _;
use ward::audit::{Change, Event};
use ward::kernel::{Action, Operation, Requires, TenantId, Uuid, authority};
use ward::rbac::Permit;
use ward::{Reading, Store as _};

use crate::app::App;
use crate::logs;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Heads of tenants' logs were written down.
const HEADS_LOGGED: Action = Action::new("audit.heads_logged");
const SEQUENCER: &str = "sequencer";

/// Writes heads of tenants' logs into the deployment's.
pub(crate) static LOG_HEADS: Operation = job("logHeads", &[HEADS_LOGGED], true);
/// Shows the head of a log to witnesses.
pub(crate) static WITNESS_LOG: Operation = job("witnessLog", &[], false);

pub(crate) const fn job(id: &'static str, events: &'static [Action], writes: bool) -> Operation {
    Operation {
        id,
        requires: Requires::Job(SEQUENCER),
        events,
        writes,
        discloses: false,
        controls: &["A4"],
        rate: "job",
        idempotent: false,
    }
}

/// How often witnesses are asked, and how much rarer heads are written down.
const PAUSE: Duration = Duration::from_secs(1);
const WRITE: u32 = 10;
/// Heads in one entry, which may hold 64 KiB.
const HEADS: usize = 400;
/// Logs whose witnesses are asked at once: each holds a connection.
const AT_ONCE: usize = 4;

/// Shows heads to witnesses as they grow, and writes them down a little later, all that grew meanwhile together.
pub(crate) async fn keep(app: Arc<App>) {
    let (mut unwritten, mut unseen) = (HashMap::new(), HashSet::new());
    if !app.witnesses.is_empty() {
        unseen.extend(app.tenants().await.unwrap_or_default()); // what grew when nobody was asked
    }
    for second in 0_u32.. {
        let grown = app.sequencer.grown();
        app.outside().for_each(|work| work.due().add(grown.keys().copied()));
        if !app.witnesses.is_empty() {
            unseen.extend(grown.keys().copied());
            unseen = ask(&app, unseen).await;
        }
        unwritten.extend(grown);
        if second % WRITE == 0 {
            unwritten = write(&app, unwritten).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Shows logs to their witnesses, and answers those that are to be shown again.
async fn ask(app: &App, logs: HashSet<TenantId>) -> HashSet<TenantId> {
    let ask = |tenant| async move {
        match witness(app, tenant).await {
            Ok(()) => None,
            Err(failure) => {
                let error = logs::causes(&*failure);
                tracing::warn!(tenant = %Uuid::from(tenant), error, "a head has no witness");
                Some(tenant)
            }
        }
    };
    stream::iter(logs).map(ask).buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await
}

async fn witness(app: &App, tenant: TenantId) -> Result<(), Failure> {
    let mut reading = app.store.read(permit(app, tenant, &WITNESS_LOG)?).await?;
    let seen = app.witnesses.cosign(tenant, &mut *reading).await;
    match &seen {
        Ok(()) => app.contradicted.note(tenant, None),
        Err(error) if error.is_contradicted() => app.contradicted.note(tenant, Some(error)),
        Err(_) => {} // a witness that doesn't answer takes nothing back
    }
    Ok(seen?)
}

/// The verifier keys of all logs, one a line.
pub(crate) async fn keys(app: &App) -> Result<String, Failure> {
    let mut lines = String::new();
    for tenant in app.tenants().await? {
        let mut reading = app.store.read(permit(app, tenant, &WITNESS_LOG)?).await?;
        let origin = origin(app, tenant, &mut *reading).await?;
        for signer in reading.keys().signers(&origin, app.clock().now())? {
            lines += &format!("{}\n", signer.key());
        }
    }
    Ok(lines)
}

/// The name of a log.
pub(crate) async fn origin(app: &App, tenant: TenantId, log: &mut dyn Reading) -> Result<String, Failure> {
    let head = log.head().await?;
    Ok(head.map_or_else(|| app.sequencer.origin(tenant), |head| head.checkpoint.origin))
}

/// Writes heads down, and answers those that are to be written later.
async fn write(app: &App, heads: HashMap<TenantId, Checkpoint>) -> HashMap<TenantId, Checkpoint> {
    // The deployment's own grows by being written to.
    let mut left: Vec<_> = heads.into_iter().filter(|(tenant, _)| *tenant != TenantId::DEPLOYMENT).collect();
    while !left.is_empty() {
        let later = left.split_off(left.len().min(HEADS));
        if let Err(failure) = write_some(app, &left).await {
            tracing::warn!(error = logs::causes(&*failure), "heads of logs could not be written down");
            left.extend(later);
            break;
        }
        left = later;
    }
    left.into_iter().collect()
}

async fn write_some(app: &App, heads: &[(TenantId, Checkpoint)]) -> Result<(), Failure> {
    let unit = app.store.begin(permit(app, TenantId::DEPLOYMENT, &LOG_HEADS)?).await?;
    let head = |(tenant, head): &(TenantId, Checkpoint)| {
        Change::plain(tenant.to_string(), None, Some(&format!("{} {}", head.size, head.root)))
    };
    let event = Event::of(&LOG_HEADS, HEADS_LOGGED, TenantId::DEPLOYMENT).with_all(heads.iter().map(head));
    unit.commit(event).await?;
    Ok(())
}

pub(crate) fn permit(app: &App, tenant: TenantId, operation: &'static Operation) -> Result<Permit, Failure> {
    #[expect(clippy::disallowed_methods, reason = "this is the job")]
    let job = Arc::new(authority::system(tenant, SEQUENCER));
    Ok(app.policy.permit(&job, operation).map_err(|denied| denied.to_string())?)
}
