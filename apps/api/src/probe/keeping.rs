use chrono::{Months, NaiveDate};
use ward::Store as _;
use ward::audit::keeping::{KeptYears, PRUNED};
use ward::kernel::TenantId;

use super::{INSPECT_LOG, ProbeError, Seen};
use crate::app::App;

/// A5: there is room for what is written, and nothing goes that has to be kept.
pub(super) async fn keeping(app: &App) -> Result<Seen, ProbeError> {
    let least = KeptYears::least();
    let floor = app.clock().now().checked_sub_months(Months::new(12 * u32::from(least.years)));
    let mut wrong = Vec::new();
    if app.store.missing_months().await? > 0 {
        wrong.push("the log has no room for this month or the next".to_owned());
    }
    if app.store.kept_from().await?.is_some_and(|from| Some(from) > floor) {
        wrong.push(format!("the database would drop what is younger than {} years", least.years));
    }
    let (tenants, mut pruned) = (app.bright_tenants().await?, 0);
    for &tenant in &tenants {
        let Some(log) = app.store.pruned(tenant).await? else { continue };
        pruned += 1;
        let said = said(app, tenant).await?;
        if said.is_none_or(|before| floor.is_none_or(|floor| before > floor.date_naive())) {
            wrong.push(format!(
                "a log doesn't say that what it let go of is older than {} years",
                least.years
            ));
        }
        if log.kept.is_none() {
            wrong.push("a log lacks the entry at which it begins".to_owned());
        } else if log.dropped_until().is_none_or(|until| Some(until) > floor) {
            wrong.push(format!("a log let go of an entry that is younger than {} years", least.years));
        }
    }
    let kept = app.keep.map_or_else(|| "for good".to_owned(), |years| format!("for {years}"));
    let observed = format!(
        "Logs are kept {kept}, and have room for the months to come; of {} logs {pruned} begin later than with their first entry, and \
         all that was before is older than {} years.",
        tenants.len(),
        least.years,
    );
    Ok(Seen::unless(wrong, tenants.len() as u64, observed))
}

/// The day before which everything was written that the log of a tenant let go of, as the log itself has it; the check of logs sees that
/// it is signed.
async fn said(app: &App, tenant: TenantId) -> Result<Option<NaiveDate>, ProbeError> {
    let mut reading = app.store.read(app.prober(tenant, &INSPECT_LOG)?).await?;
    let Some(start) = reading.start().await? else { return Ok(None) };
    let entry = reading.entry(start.entry).await?.filter(|entry| entry.said.action == PRUNED.as_str());
    Ok(entry.and_then(|entry| entry.said.details.get("before")?.as_str()?.parse().ok()))
}
