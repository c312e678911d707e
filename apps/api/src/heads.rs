//! Heads of tenants' logs, written into the deployment's own. Others see them at [witnesses](crate::witnessed) and in
//! [archives](crate::archived).

use std::collections::HashMap;
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
use crate::witnessed::WITNESS_LOG;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Heads of tenants' logs were written down.
const HEADS_LOGGED: Action = Action::new("audit.heads_logged");
const SEQUENCER: &str = "sequencer";
const UNWRITTEN: &str = "heads of logs could not be written down";

/// Writes heads of tenants' logs into the deployment's.
pub(crate) static LOG_HEADS: Operation = job("logHeads", &[HEADS_LOGGED], true);

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

/// How often it is looked which heads are new, and how much rarer they are written down.
const PAUSE: Duration = Duration::from_secs(1);
const WRITE: u32 = 10;
/// Heads in one entry, which may hold 64 KiB.
const HEADS: usize = 400;
/// Logs that are read at once: each holds a connection.
const AT_ONCE: usize = 4;

/// Has heads shown outside as they grow, and writes them down a little later, all that grew meanwhile together; at first those of all
/// logs, since nobody knows which were written down before.
pub(crate) async fn keep(app: Arc<App>) {
    let (mut unwritten, mut begun) = (HashMap::new(), false);
    for second in 0_u32.. {
        let grown = app.sequencer.grown();
        app.outside().for_each(|work| work.due().add(grown.keys().copied()));
        unwritten.extend(grown);
        if second % WRITE == 0 {
            if !begun {
                match all(&app).await {
                    Ok(heads) => {
                        begun = true;
                        heads.into_iter().for_each(|(tenant, head)| {
                            unwritten.entry(tenant).or_insert(head);
                        });
                    }
                    Err(failure) => tracing::warn!(error = logs::causes(&*failure), "{UNWRITTEN}"),
                }
            }
            unwritten = write(&app, unwritten).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The heads of all logs that have one.
async fn all(app: &App) -> Result<Vec<(TenantId, Checkpoint)>, Failure> {
    let head = |tenant| async move {
        let head = head(app, tenant).await;
        // One whose keys can't be had, say, keeps no other waiting.
        head.inspect_err(|failure| {
            let (tenant, error) = (Uuid::from(tenant), logs::causes(&**failure));
            tracing::warn!(%tenant, error, "the head of a log can't be read");
        })
        .ok()?
        .map(|head| (tenant, head))
    };
    let heads = stream::iter(app.bright_tenants().await?).map(head).buffer_unordered(AT_ONCE);
    Ok(heads.filter_map(std::future::ready).collect().await)
}

async fn head(app: &App, tenant: TenantId) -> Result<Option<Checkpoint>, Failure> {
    let mut reading = app.store.read(permit(app, tenant, &LOG_HEADS)?).await?;
    Ok(reading.head().await?.map(|head| head.checkpoint))
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
            tracing::warn!(error = logs::causes(&*failure), "{UNWRITTEN}");
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
