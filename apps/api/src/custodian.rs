//! Keys that tenants brought: replicas forget what changed, one at a time looks whether they can be had, and where one can't its
//! tenant's work is left alone until it can.

pub(crate) mod root;

use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use futures::{StreamExt as _, stream};
use ward::audit::{Event, RecordError};
use ward::crypto::{KeyError, TransferError, Unloaded};
use ward::kernel::{Operation, StoreError, TenantId, Uuid, authority};
use ward::rbac::Permit;
use ward::{
    EntrustError, Entrusted, KEY_REFUSED, KEY_RESTORED, KeyMessage, KeyState, KeyWatch as _, Seen,
    Store as _, WATCH_KEYS, Watched,
};

use crate::app::App;
use crate::logs;

/// How often each key is looked at, by one replica or another.
const PAUSE: TimeDelta = TimeDelta::seconds(15);
/// Keys that are taken at once, and looked at together: a service that hangs keeps no other waiting for long.
const MOST: u32 = 100;
const AT_ONCE: usize = 16;
/// How often what was wrapped anew is thrown away, since somebody else was faster.
pub(crate) const TRIES: u32 = 5;
/// How long to leave a database alone that doesn't say what changes.
const AGAIN: Duration = Duration::from_secs(1);

/// Why it isn't known how it is with a key, or not written down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Entrust(#[from] EntrustError),
    #[error(transparent)]
    Transfer(#[from] TransferError),
    #[error("the job is not permitted")]
    Denied,
}

/// Tenants whose keys can't be had.
#[derive(Debug, Default)]
pub(crate) struct Dark(Mutex<HashSet<TenantId>>);

impl Dark {
    /// Whether nothing of the tenant's is to be done for now.
    pub(crate) fn holds(&self, tenant: TenantId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&tenant)
    }

    fn learn(&self, dark: Vec<TenantId>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = dark.into_iter().collect();
    }
}

/// Whether `error` came of a tenant's keys that weren't to be had, or are spent: no fault of Ward's, and over when they are or others follow.
pub(crate) fn is_dark(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|error| error.is::<Unloaded>()) || is_spent(error)
}

/// Whether `error` came of a key that sealed as much as one may, and that no other has followed yet.
pub(crate) fn is_spent(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|error| matches!(error.downcast_ref(), Some(KeyError::Spent(_))))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

impl App {
    /// Every tenant there is whose keys can be had, as far as is known.
    pub(crate) async fn bright_tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let mut tenants = self.tenants().await?;
        tenants.retain(|tenant| !self.dark.holds(*tenant));
        Ok(tenants)
    }
}

/// Forgets keys that changed, for ever.
pub(crate) async fn forget(app: Arc<App>) {
    loop {
        if let Err(error) = app.store.forget_changed_keys().await {
            tracing::warn!(
                error = logs::causes(&error),
                "the database doesn't say which keys change: they are kept a minute at most"
            );
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Looks at the keys whose turn has come, and learns from others' looks.
pub(crate) async fn watch(app: &App) -> Result<(), Failed> {
    let due = app.store.to_look_at(app.clock().now(), PAUSE, MOST).await?;
    let look = |watched: Watched| async move {
        if let Err(failed) = look_at(app, watched).await {
            let (tenant, error) = (Uuid::from(watched.tenant), logs::causes(&failed));
            tracing::warn!(%tenant, error, "it can't be noted how it is with a tenant's key");
        }
    };
    stream::iter(due).for_each_concurrent(AT_ONCE, look).await;
    app.dark.learn(app.store.dark().await?);
    Ok(())
}

async fn look_at(app: &App, watched: Watched) -> Result<(), Failed> {
    let Some(brought) = app.store.brought(watched.tenant).await? else { return Ok(()) };
    let answer = app.store.keyring().ask(watched.tenant, &brought.stored).await;
    let now = app.clock().now();
    match watched.look(&answer, now) {
        Seen::Same if watched.state == KeyState::Held => {
            tell(app, watched.tenant, &brought, watched.since).await
        }
        Seen::Same => Ok(()),
        Seen::Missed(since) => Ok(app.store.note_missed(watched.tenant, since).await?),
        Seen::Turned(state) => {
            if !turn(app, &watched, &brought, state).await? {
                return Ok(()); // it was brought anew meanwhile, or given back
            }
            let error = answer.err().map(|error| logs::causes(&error)).unwrap_or_default();
            let (tenant, state) = (Uuid::from(watched.tenant), state.as_str());
            tracing::warn!(%tenant, state, error, "the key that a tenant brought is otherwise than it was");
            app.store.keyring().forget(watched.tenant); // the others are told by the database
            Ok(())
        }
    }
}

/// Notes that a key turned, in the deployment's log since the tenant's can't be written, with a message to its owner.
async fn turn(app: &App, watched: &Watched, brought: &Entrusted, state: KeyState) -> Result<bool, Failed> {
    let now = app.clock().now();
    let (action, message) = match state {
        KeyState::Held => (KEY_RESTORED, KeyMessage::Restored),
        _ => (KEY_REFUSED, KeyMessage::Refused),
    };
    let mut unit = app.store.begin(permit(app, TenantId::DEPLOYMENT)?).await?;
    if !unit.note_state(watched, state, now).await? {
        return Ok(false);
    }
    let (keys, id) = (unit.keys(), app.machine.next().into());
    if let Some(job) = message.job((watched.tenant, brought), &keys, id, now)? {
        unit.enqueue(&job).await?;
    }
    let event = Event::of(&WATCH_KEYS, action, watched.tenant).noting("state", state.as_str());
    unit.commit(event.noting("was", watched.state.as_str())).await?;
    Ok(true)
}

/// Has the tenant's own log say that its key is there again, once.
async fn tell(
    app: &App,
    tenant: TenantId,
    brought: &Entrusted,
    since: chrono::DateTime<chrono::Utc>,
) -> Result<(), Failed> {
    if since == brought.since || brought.told == Some(since) {
        return Ok(());
    }
    let mut unit = app.store.begin(permit(app, tenant)?).await?;
    if unit.note_told(since).await? {
        unit.commit(Event::of(&WATCH_KEYS, KEY_RESTORED, tenant).noting("since", since.to_rfc3339())).await?;
    }
    Ok(())
}

pub(crate) fn permit(app: &App, tenant: TenantId) -> Result<Permit, Failed> {
    permit_to(app, tenant, &WATCH_KEYS)
}

fn permit_to(app: &App, tenant: TenantId, operation: &'static Operation) -> Result<Permit, Failed> {
    #[expect(clippy::disallowed_methods, reason = "this is the job")]
    let job = Arc::new(authority::system(tenant, "custodian"));
    app.policy.permit(&job, operation).map_err(|_| Failed::Denied)
}
