use chrono::Months;
use ward::audit::keeping::KeptYears;

use super::{ProbeError, Seen};
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
    let (tenants, mut pruned) = (app.tenants().await?, 0);
    for &tenant in &tenants {
        let Some(log) = app.store.pruned(tenant).await? else { continue };
        pruned += 1;
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
