//! Checks against the running system. Each says what it did, what it saw, and over how many things.

mod backups;
pub(crate) mod canary;
mod cipher;
mod client;
mod counted;
mod credentials;
pub(crate) mod erasure;
mod index;
mod isolation;
mod keeping;
mod list;
mod log;
mod own_key;
pub(crate) mod person;
mod root_key;
mod rotation;
mod run;
mod sealing;
mod tenancy;
mod told;
pub(crate) mod unrecorded;

use serde_json::Value;
use ward::assurance::{Outcome, PROBER};
use ward::audit::RecordError;
use ward::kernel::{Action, Operation, Requires, StoreError};
use ward::rbac::Denied;

use client::{Answer, NoAnswer};
pub(crate) use list::{method, names};
pub(crate) use run::completed;

/// The next run of a check was planned.
pub(crate) const PROBES_SCHEDULED: Action = Action::new("probe.scheduled");
/// A check could not be recorded, however often it was tried.
pub(crate) const PROBE_ABANDONED: Action = Action::new("probe.abandoned");
/// A check read its canary.
const CANARY_DISCLOSED: Action = Action::new("canary.disclosed");

/// Plans the runs of checks.
pub(crate) static SCHEDULE_PROBES: Operation =
    job("scheduleProbes", &[PROBES_SCHEDULED, PROBE_ABANDONED], true);
/// Reads a canary.
pub(crate) static PROBE_READ: Operation = job("probeRead", &[CANARY_DISCLOSED], false);

/// Looks at logs again.
pub(crate) static INSPECT_LOG: Operation = Operation { discloses: false, ..job("inspectLog", &[], false) };

pub(crate) const fn job(id: &'static str, events: &'static [Action], writes: bool) -> Operation {
    Operation {
        id,
        requires: Requires::Job(PROBER),
        events,
        writes,
        discloses: !writes,
        controls: &["G1"],
        rate: "job",
        idempotent: false,
    }
}

/// What a check saw.
pub(crate) struct Seen {
    outcome: Outcome,
    observed: String,
    population: u64,
}

/// Why a check could not look; that is no pass.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ProbeError {
    /// The API did not answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The database did not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the check did could not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The canaries could not be made.
    #[error("the canaries can't be had")]
    Canary(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An answer wasn't what the check needs to go on.
    #[error("`{0}` was answered with {1}")]
    Unexpected(&'static str, u16),
    /// The check itself was refused.
    #[error("the check is not permitted")]
    Denied,
}

impl From<Denied> for ProbeError {
    fn from(_: Denied) -> Self {
        Self::Denied
    }
}

impl Seen {
    /// Passes if nothing was found wrong; otherwise says the first thing that was.
    fn unless(wrong: Vec<String>, population: u64, observed: String) -> Self {
        match wrong.first() {
            None => Self { outcome: Outcome::Pass, observed, population },
            Some(first) => {
                let others = wrong.len() - 1;
                let observed =
                    if others == 0 { format!("{first}.") } else { format!("{first}, and {others} more.") };
                Self { outcome: Outcome::Fail, observed, population }
            }
        }
    }

    /// The same, with a caveat if there is one.
    fn but(self, caveat: Option<impl Into<String>>) -> Self {
        match (&self.outcome, caveat) {
            (Outcome::Pass, Some(caveat)) => Self { outcome: Outcome::Degraded(caveat.into()), ..self },
            _ => self,
        }
    }
}

/// Whether `tried` was refused for that `reason`. Refused for another it shows nothing.
fn is_refused(tried: Result<(), StoreError>, reason: fn(&StoreError) -> bool) -> Result<bool, ProbeError> {
    match tried {
        Ok(()) => Ok(false),
        Err(error) if reason(&error) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

impl Answer {
    /// The answer, if its status is `status`: a check goes on with nothing else.
    fn expect(self, what: &'static str, status: u16) -> Result<Self, ProbeError> {
        if self.status == status { Ok(self) } else { Err(ProbeError::Unexpected(what, self.status.as_u16())) }
    }
}

/// The operations of the OpenAPI document: method, path and what is promised.
fn served(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    })
}
