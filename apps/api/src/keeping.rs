//! What nobody has to keep of logs is dropped, if the deployment wants that: once a day by each replica, in steps that the database decides
//! on and that don't get in each other's way. One that is cut short is gone on with the next day.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use ward::audit::Search;
use ward::audit::keeping::{KeptYears, PRUNE_LOG, PRUNED, Pruned};
use ward::audit::log::NoProof;
use ward::kernel::{EventId, StoreError, TenantId, Uuid, authority};
use ward::rbac::Permit;
use ward::{Keeping as _, Prunable, Store as _};

use crate::app::App;
use crate::heads::Failure;
use crate::logs;

/// Months that are dropped in a day: a deployment that turned to it late has years of them.
const MONTHS: u32 = 24;

/// Lets go of what is older than `years`.
pub(crate) async fn prune(app: &App, years: KeptYears) -> Result<(), Failure> {
    let tenants = app.tenants().await?;
    for &tenant in tenants.iter().filter(|tenant| !app.dark.holds(**tenant)) {
        if let Err(error) = begin_later(app, tenant, years).await {
            tracing::warn!(tenant = %Uuid::from(tenant), error = logs::causes(&*error), "a log is kept longer than it has to be");
        }
    }
    forget(app, &tenants).await; // now, as months may be long in going
    if let Err(error) = drop_months(app, &tenants, years).await {
        tracing::warn!(error = logs::causes(&*error), "a month of logs is kept longer than it has to be");
    }
    forget(app, &tenants).await;
    Ok(())
}

/// Forgets what stands beside entries that were dropped, today or before.
async fn forget(app: &App, tenants: &[TenantId]) {
    for &tenant in tenants {
        if let Err(error) = forget_of(app, tenant).await {
            tracing::warn!(tenant = %Uuid::from(tenant), error = logs::causes(&error), "what stood beside dropped entries is kept longer than it has to be");
        }
    }
}

async fn forget_of(app: &App, tenant: TenantId) -> Result<(), StoreError> {
    while app.store.forget_words(tenant).await? > 0 {}
    let mut places = 0;
    while let more @ 1.. = app.store.forget_places(tenant).await? {
        places += more;
    }
    if places > 0 {
        tracing::info!(tenant = %Uuid::from(tenant), places, "what told where dropped entries stood is gone");
    }
    Ok(())
}

/// Drops months until one has to be kept, or some log doesn't let it go.
async fn drop_months(app: &App, tenants: &[TenantId], years: KeptYears) -> Result<(), Failure> {
    for _ in 0..MONTHS {
        let mut held = false;
        for &tenant in tenants {
            if !app.store.carry_over(tenant, years).await? {
                held = true;
                tracing::warn!(tenant = %Uuid::from(tenant), "a log keeps a month of all logs: it isn't pruned, or an old entry has no place");
            }
        }
        if held {
            break;
        }
        let Some(month) = drop_month(app, years).await? else { break };
        tracing::info!(%month, "the entries of a month were dropped: nobody has to keep them");
    }
    Ok(())
}

/// Waits for a moment in which nobody is at the log for long.
async fn drop_month(app: &App, years: KeptYears) -> Result<Option<NaiveDate>, StoreError> {
    for pause in pauses() {
        match app.store.drop_month(years).await {
            Err(StoreError::Raced(_)) => tokio::time::sleep(pause).await,
            dropped => return dropped,
        }
    }
    app.store.drop_month(years).await
}

/// How long to wait between tries, each of which may hold others up: twice as long each time, and for some hours altogether.
fn pauses() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(Duration::from_secs(1)), |pause| Some(*pause * 2)).take(14)
}

/// Has a log say that it begins later, and then do so.
async fn begin_later(app: &App, tenant: TenantId, years: KeptYears) -> Result<(), Failure> {
    let Some(prunable) = app.store.prunable(tenant, years).await? else { return Ok(()) };
    app.catch_up(tenant).await?;
    let said = match said(app, tenant, &prunable).await? {
        Some(said) => said,
        None => say(app, tenant, &prunable).await?,
    };
    app.catch_up(tenant).await?;
    if !app.store.prune(tenant, said, years).await? {
        return Err("no signed head stands for its word yet".into());
    }
    tracing::info!(tenant = %Uuid::from(tenant), first = prunable.first, years = %years, "a log begins later");
    Ok(())
}

/// The entry in which the log says so already, since somebody was cut short.
async fn said(app: &App, tenant: TenantId, prunable: &Prunable) -> Result<Option<EventId>, Failure> {
    let mut reading = app.store.read(permit(app, tenant)?).await?;
    let last = Search { action: Some(PRUNED.as_str().to_owned()), ..Search::default() };
    let found = reading.entries(&last, None, 1).await?.entries.pop();
    let is_said =
        |text: String| Pruned::read(text.as_bytes()).is_some_and(|said| said.first == prunable.first);
    Ok(found.filter(|entry| is_said(entry.text())).map(|entry| entry.id()))
}

async fn say(app: &App, tenant: TenantId, prunable: &Prunable) -> Result<EventId, Failure> {
    let mut reading = app.store.read(permit(app, tenant)?).await?;
    let pruned = Pruned::of(&mut *reading, prunable.first).await?.ok_or(NoProof::Broken)?;
    let unit = app.store.begin(permit(app, tenant)?).await?;
    let receipt = unit.commit(pruned.event(tenant, prunable.before)).await?;
    Ok(receipt.events().first().copied().ok_or(NoProof::Absent)?)
}

fn permit(app: &App, tenant: TenantId) -> Result<Permit, Failure> {
    #[expect(clippy::disallowed_methods, reason = "this is the job")]
    let job = Arc::new(authority::system(tenant, "keeper"));
    Ok(app.policy.permit(&job, &PRUNE_LOG).map_err(|denied| denied.to_string())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_that_somebody_holds_is_tried_a_few_times_a_day_and_ever_more_rarely() {
        let pauses: Vec<_> = pauses().collect();
        assert!(pauses.is_sorted_by(|one, next| *next >= 2 * *one));
        let hours = pauses.iter().sum::<Duration>().as_secs() / 3600;
        assert!(pauses.len() < 20 && (4..12).contains(&hours), "{} in {hours} h", pauses.len());
    }
}
