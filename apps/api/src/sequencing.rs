//! Logs grow soon after their leaves were written, and before they are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures::{StreamExt as _, stream};
use ward::audit::sequence::SequenceError;
use ward::kernel::{EventId, Operation, StoreError, TenantId, Uuid};
use ward::{Reading, Store as _};

use crate::app::App;
use crate::auth::Caller;
use crate::custodian::is_dark;
use crate::http::problem::Refused;
use crate::logs;

/// Logs that one sweep looks at, at most.
const LOGS: u32 = 1_000;
/// Logs that grow at once: each holds a connection.
const AT_ONCE: usize = 4;

/// Logs with which something is wrong, and what. Each reason is logged once.
#[derive(Debug, Default)]
pub(crate) struct Stuck(Mutex<BTreeMap<TenantId, String>>);

impl Stuck {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn tenants(&self) -> Vec<TenantId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    pub(crate) fn note(&self, tenant: TenantId, failed: Option<&(dyn std::error::Error + 'static)>) {
        let mut stuck = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(error) = failed else {
            stuck.remove(&tenant);
            return;
        };
        let reason = logs::causes(error);
        if stuck.insert(tenant, reason.clone()).as_ref() != Some(&reason) {
            tracing::error!(tenant = %Uuid::from(tenant), error = reason, "a log is not as it was");
        }
    }
}

/// Lets every log grow whose leaves wait for a place, and looks whether those that didn't still have a reason to.
pub(crate) async fn sweep(app: &App) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let waiting: BTreeSet<_> =
        app.sequencer.waiting(LOGS).await?.into_iter().map(|(tenant, _)| tenant).collect();
    let stuck = app
        .stuck
        .tenants()
        .into_iter()
        .filter(|tenant| !waiting.contains(tenant) && !app.dark.holds(*tenant));
    let logs = stuck.map(|tenant| (tenant, false)).chain(waiting.iter().map(|tenant| (*tenant, true)));
    let grow = |(tenant, waits)| async move {
        loop {
            match app.sequencer.step(tenant, false).await {
                Err(error) if error.is_raced() => return, // another replica is at it
                Ok(Some(step)) if step.is_full() => set_aside(tenant, &step.rejected),
                step => {
                    step.iter().flatten().for_each(|step| set_aside(tenant, &step.rejected));
                    // A key that can't be had holds its tenant's log up, and says nothing against it.
                    if step.as_ref().err().is_some_and(|error| is_dark(error)) {
                        return;
                    }
                    // Where nothing waits, only a log that isn't what was signed is in the way of what may come.
                    let failed = step
                        .as_ref()
                        .err()
                        .filter(|error| waits || !matches!(error, SequenceError::Store(_)));
                    return app.stuck.note(tenant, failed.map(|error| error as _));
                }
            }
        }
    };
    stream::iter(logs.collect::<Vec<_>>()).for_each_concurrent(AT_ONCE, grow).await;
    Ok(())
}

/// Tells operators which entries were altered, or removed, before they had a place.
fn set_aside(tenant: TenantId, leaves: &[EventId]) {
    for leaf in leaves {
        let (tenant, leaf) = (Uuid::from(tenant), Uuid::from(*leaf));
        tracing::error!(%tenant, %leaf, "an entry is not what was written, and stands aside");
    }
}

fn cause<T, E: std::error::Error + 'static>(of: &Result<T, E>) -> Option<&(dyn std::error::Error + 'static)> {
    of.as_ref().err().map(|error| error as _)
}

impl App {
    /// Gives what waits a place in the log of `tenant`. A log that isn't what was signed doesn't grow, and is read as it is.
    pub(crate) async fn catch_up(&self, tenant: TenantId) -> Result<(), StoreError> {
        match self.sequencer.catch_up(tenant).await {
            Err(SequenceError::Store(error)) => Err(error),
            step => {
                step.iter().for_each(|rejected| set_aside(tenant, rejected));
                self.stuck.note(tenant, cause(&step));
                Ok(())
            }
        }
    }

    /// Lets leaves of `tenant` try again that were set aside, and tells operators of those that are so still.
    pub(crate) async fn retry(&self, tenant: TenantId) -> Result<(), StoreError> {
        match self.sequencer.retry(tenant).await {
            Err(SequenceError::Store(error)) => Err(error),
            step => {
                step.iter().flatten().for_each(|step| set_aside(tenant, &step.rejected));
                self.stuck.note(tenant, cause(&step));
                Ok(())
            }
        }
    }

    /// Reads the caller's log, up to what was written last.
    pub(crate) async fn read_log(
        &self,
        who: &Caller,
        what: &'static Operation,
    ) -> Result<Box<dyn Reading>, Refused> {
        let permit = self.permit(who, what).await?;
        self.catch_up(who.0.who.tenant()).await?;
        Ok(self.store.read(permit).await?)
    }
}
