use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use ward::assurance::{Claim, Kind, Outcome, Run, Status};

use crate::http::time::Time;
use crate::probe;

/// A promise, and how it stands.
#[derive(Clone, Debug, Object)]
pub(crate) struct ClaimView {
    /// Names it for good.
    pub(crate) id: String,
    /// The promises it answers.
    pub(crate) promises: Vec<String>,
    /// Under which heading it stands.
    pub(crate) section: String,
    /// What is claimed.
    pub(crate) sentence: String,
    /// What stands behind it.
    pub(crate) kind: ClaimKind,
    /// How it stands.
    pub(crate) status: ClaimStatus,
    /// The controls it supports.
    pub(crate) controls: Vec<String>,
    /// The check behind it.
    pub(crate) probe: Option<String>,
    /// What the check does.
    pub(crate) method: Option<String>,
    /// What the check saw, or what is missing.
    pub(crate) observed: Option<String>,
    /// When the check last ran.
    pub(crate) last_run: Option<Time>,
    /// Until when that counts.
    pub(crate) fresh_until: Option<Time>,
}

/// What stands behind a claim.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case")]
pub(crate) enum ClaimKind {
    /// A check that runs.
    Proven,
    /// Our own document.
    Attested,
    /// A provider's document.
    Inherited,
    /// Nothing yet.
    Roadmap,
}

/// How a claim stands: computed, never set.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[oai(rename_all = "snake_case")]
pub(crate) enum ClaimStatus {
    Active,
    Degraded,
    Failing,
    Stale,
    Available,
    InProgress,
    Attested,
    Inherited,
    Roadmap,
    Overdue,
}

impl ClaimView {
    pub(crate) fn of(claim: &Claim, run: Option<&Run>, now: DateTime<Utc>) -> Self {
        let (kind, told) = match &claim.kind {
            Kind::Proven { .. } => (ClaimKind::Proven, None),
            Kind::Attested { document, expires, .. } => {
                (ClaimKind::Attested, Some(format!("{document}, until {expires}")))
            }
            Kind::Inherited { provider, document, expires, .. } => {
                (ClaimKind::Inherited, Some(format!("{provider}: {document}, until {expires}")))
            }
            Kind::Roadmap { target, note, .. } => {
                let date = target.map(|target| format!(" Target: {target}.")).unwrap_or_default();
                (ClaimKind::Roadmap, Some(format!("{note}{date}")))
            }
            _ => (ClaimKind::Roadmap, None),
        };
        Self {
            id: claim.id.clone(),
            promises: claim.promises.clone(),
            section: claim.section.clone(),
            sentence: claim.sentence.clone(),
            kind,
            status: claim.status(run, now).into(),
            controls: claim.controls.clone(),
            probe: claim.probe().map(str::to_owned),
            method: claim.probe().and_then(probe::method).map(str::to_owned),
            observed: told.or_else(|| run.map(seen)),
            last_run: run.map(|run| run.at.into()),
            fresh_until: claim.fresh_until(run).map(Time::from),
        }
    }
}

/// What a run saw, with its caveat.
pub(super) fn seen(run: &Run) -> String {
    match &run.outcome {
        Outcome::Degraded(reason) => format!("{} But: {reason}", run.observed),
        _ => run.observed.clone(),
    }
}

impl From<Status> for ClaimStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Active,
            Status::Degraded => Self::Degraded,
            Status::Failing => Self::Failing,
            Status::Stale => Self::Stale,
            Status::Available => Self::Available,
            Status::InProgress => Self::InProgress,
            Status::Attested => Self::Attested,
            Status::Inherited => Self::Inherited,
            Status::Roadmap => Self::Roadmap,
            Status::Overdue => Self::Overdue,
        }
    }
}
