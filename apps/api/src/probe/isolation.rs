use ward::Store as _;
use ward::kernel::StoreError;
use ward_postgres::prover::Verdict;

use super::canary::{A, B};
use super::{PROBE_READ, ProbeError, Seen, is_refused};
use crate::app::App;

/// T1: the catalogue proves isolation, and attacks between the canaries get nothing.
pub(super) async fn isolation(app: &App) -> Result<Seen, ProbeError> {
    let (proof, report) = app.store.isolation(A, B).await?;
    let population = proof.tables + report.probes;
    let mut wrong: Vec<_> = proof.findings.iter().map(ToString::to_string).collect();
    wrong.extend(report.breaches.iter().map(ToString::to_string));
    if wrong.is_empty() {
        app.gate.hear(false);
    } else {
        app.gate.refute(&wrong);
    }
    let observed = format!(
        "{} rules hold on {} tables, {} policies and {} functions; {} attacks between two canary tenants got nothing.",
        proof.rules,
        proof.tables,
        proof.policies,
        proof.functions,
        report.telling(),
    );
    let caveat = match proof.verdict() {
        Verdict::Degraded(reason) => Some(reason),
        _ => None,
    };
    Ok(Seen::unless(wrong, population, observed).but(caveat))
}

/// T10: what isn't declared to write can't, though the role could.
pub(super) async fn read_only(app: &App) -> Result<Seen, ProbeError> {
    let mut unit = app.store.begin(app.prober(A, &PROBE_READ)?).await?;
    let made = unit.make(&[app.machine.next().into()]).await.map(drop);
    drop(unit);
    let locked = app.store.lock_reading(app.prober(A, &PROBE_READ)?).await;
    let mut wrong = Vec::new();
    for (tried, what) in [(made, "add a row"), (locked, "lock one")] {
        if !is_refused(tried, |error| matches!(error, StoreError::ReadOnly))? {
            wrong.push(format!("an operation that only reads could {what}"));
        }
    }
    let observed = "An operation that only reads was refused to add a row, and to lock one, by the database.";
    Ok(Seen::unless(wrong, 2, observed.into()))
}
