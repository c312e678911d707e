//! Checks against the running system. Each says what it did, what it saw, and over how many things.

mod backups;
pub(crate) mod canary;
mod cipher;
mod client;
mod credentials;
pub(crate) mod erasure;
mod index;
mod isolation;
mod keeping;
mod log;
mod own_key;
pub(crate) mod person;
mod root_key;
mod rotation;
mod sealing;
mod tenancy;
mod told;
pub(crate) mod unrecorded;

use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use serde_json::Value;
use ward::Store as _;
use ward::assurance::{Outcome, PROBE_COMPLETED, PROBER, RUN_PROBE, Run};
use ward::audit::{Event, RecordError};
use ward::kernel::{Action, Entity, Operation, Requires, StoreError, TenantId, authority};
use ward::rbac::{Denied, Permit};

use crate::app::App;
use crate::http::problem::Refused;
use client::{Answer, NoAnswer};

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

type Check = for<'a> fn(&'a App) -> BoxFuture<'a, Result<Seen, ProbeError>>;

/// A check: its name, and what it does for whoever reads the trust page.
struct Probe {
    name: &'static str,
    method: &'static str,
    check: Check,
}

/// Every check there is.
static PROBES: [Probe; 22] = [
    Probe {
        name: "isolation",
        method: "Reads the database's catalogue rule by rule, then attacks one test customer from another in SQL.",
        check: |app| Box::pin(isolation::isolation(app)),
    },
    Probe {
        name: "tenant_from_credential",
        method: "Looks through the API's description for an operation that takes a tenant, and names another customer in a query, a header and a body.",
        check: |app| Box::pin(tenancy::tenant_from_credential(app)),
    },
    Probe {
        name: "cross_tenant",
        method: "Asks over HTTP to read, change and delete what is another test customer's, and compares the answers with those for ids that nobody has.",
        check: |app| Box::pin(tenancy::cross_tenant(app)),
    },
    Probe {
        name: "read_only",
        method: "Tries to add a row within an operation that only reads, and to lock one.",
        check: |app| Box::pin(isolation::read_only(app)),
    },
    Probe {
        name: "audit_completeness",
        method: "Makes a change and is refused a request, both over HTTP, then counts what the log says of each.",
        check: |app| Box::pin(log::completeness(app)),
    },
    Probe {
        name: "audit_immutability",
        method: "Tries to change and remove entries as the role that serves requests, and reads from the catalogue whether it could truncate or back-date.",
        check: |app| Box::pin(log::immutability(app)),
    },
    Probe {
        name: "audit_tree",
        method: "Looks for entries that wait too long for their place in the log, hashes stored entries anew, and holds them against the signed head of their log and against what searches find them by.",
        check: |app| Box::pin(log::tree(app)),
    },
    Probe {
        name: "audit_keeping",
        method: "Looks for the database's room for entries of this month and the next, asks it from when on it would let anybody drop entries, and \
                 reads of every log that begins later than with its first entry how old those before it are.",
        check: |app| Box::pin(keeping::keeping(app)),
    },
    Probe {
        name: "audit_reads",
        method: "Reads a test person, and is refused it with a key that may do nothing, then looks for the entries that each must leave.",
        check: |app| Box::pin(told::reads(app)),
    },
    Probe {
        name: "audit_scrub",
        method: "Writes a secret word as a test person's name, in a note and as user agent, then looks for it in the exact text of the log's entries.",
        check: |app| Box::pin(told::scrub(app)),
    },
    Probe {
        name: "audit_export",
        method: "Exports the last seconds of a test customer's log in every format, counts what each holds, and finds the newest entry by search.",
        check: |app| Box::pin(told::export(app)),
    },
    Probe {
        name: "sealing",
        method: "Stores a secret word in a test person's address and license number, looks for it in the rows as they lie in the database, and opens the sealed values in their own places and in others.",
        check: |app| Box::pin(sealing::sealing(app)),
    },
    Probe {
        name: "fail_closed",
        method: "Offers keys that are missing, short or constant, and tries to read and to write under a wrong one.",
        check: |app| Box::pin(sealing::fail_closed(app)),
    },
    Probe {
        name: "root_key",
        method: "Asks whoever holds the root key, has it wrap a new key for a test customer and unwrap it again, for that customer and for another, and throws it away.",
        check: |app| Box::pin(root_key::root_key(app)),
    },
    Probe {
        name: "cipher",
        method: "Stores a license number, reads from the newest sealed values of the test customers which cipher and which nonce each is under, and from \
                 every customer's keys which cipher they are for; then asks which key sealed most messages.",
        check: |app| Box::pin(cipher::cipher(app)),
    },
    Probe {
        name: "key_rotation",
        method: "Has a key of a test customer followed by a next version, and a test person's by another key, opens and moves what the old ones had sealed, and \
                 undoes all of it; then looks in every customer's rotations for one that stands still, and in their keys for one that is too old.",
        check: |app| Box::pin(rotation::rotation(app)),
    },
    Probe {
        name: "own_key",
        method: "Brings a key from a service of its own and withdraws it, offers keys that another service wrapped, asks when customers' own keys were \
                 last looked at, and tries to read customers whose keys can't be had.",
        check: |app| Box::pin(own_key::own_key(app)),
    },
    Probe {
        name: "sealed_backups",
        method: "Stores a secret word in a test person's address, in queued work and in a kept answer, and two more in clear, then looks for each in every \
                 column of the newest rows of every table, and undoes all of it.",
        check: |app| Box::pin(backups::backups(app)),
    },
    Probe {
        name: "blind_index",
        method: "Gives one address to a test person of each of two customers, looks for it and for another, and holds the stored codes that find it \
                 against each other and against digests of it.",
        check: |app| Box::pin(index::index(app)),
    },
    Probe {
        name: "erasure",
        method: "Makes a test person, erases them, looks for anything that is left, opens what their key had sealed with every key that there is, tries to put the \
                 key back, and undoes all of it; then counts the entries of the ledger outside of the database, and reads the last.",
        check: |app| Box::pin(erasure::erasure(app)),
    },
    Probe {
        name: "permissions",
        method: "Calls every operation that needs a permission with a key that has none.",
        check: |app| Box::pin(credentials::permissions(app)),
    },
    Probe {
        name: "api_keys",
        method: "Makes a live key and a test key, asks whom each acts for, revokes both and calls again; then calls with a key made up.",
        check: |app| Box::pin(credentials::api_keys(app)),
    },
];

/// The names of all checks.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PROBES.iter().map(|probe| probe.name)
}

/// What the check of that name does.
pub(crate) fn method(name: &str) -> Option<&'static str> {
    find(name).map(|probe| probe.method)
}

fn find(name: &str) -> Option<&'static Probe> {
    PROBES.iter().find(|probe| probe.name == name)
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

impl App {
    /// Runs a check, and records what it saw in the deployment's ledger and log.
    pub(crate) async fn run_probe(&self, name: &str) -> Result<Run, Refused> {
        let run = self.look(name).await;
        let recorded = self.record(&run).await;
        self.recorded(&run, recorded)?;
        Ok(run)
    }

    /// Remembers whether a run was recorded.
    pub(crate) fn recorded<T>(&self, run: &Run, recorded: Result<T, Refused>) -> Result<T, Refused> {
        match &recorded {
            Ok(_) => self.unrecorded.forget(&run.probe),
            Err(_) => self.unrecorded.keep(run.clone()),
        }
        recorded
    }

    async fn record(&self, run: &Run) -> Result<(), Refused> {
        let permit = self.prober(TenantId::DEPLOYMENT, &RUN_PROBE)?;
        let mut unit = self.store.begin(permit).await?;
        unit.record_run(run).await?;
        unit.commit(completed(run)).await?;
        Ok(())
    }

    /// Runs a check without recording it.
    pub(crate) async fn look(&self, name: &str) -> Run {
        let (at, began) = (self.clock().now(), Instant::now());
        let seen = match find(name) {
            Some(probe) => (probe.check)(self).await,
            None => Err(ProbeError::Unexpected("the name of the check", 404)),
        };
        let seen = seen.unwrap_or_else(|error| {
            tracing::error!(
                probe = name,
                error = &error as &(dyn std::error::Error + 'static),
                "a check could not look"
            );
            Seen {
                outcome: Outcome::Fail,
                observed: format!("The check could not look: {error}."),
                population: 0,
            }
        });
        let duration = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (id, version) = (self.machine.next(), env!("CARGO_PKG_VERSION").to_owned());
        let Seen { outcome, observed, population } = seen;
        Run { id, probe: name.to_owned(), at, outcome, observed, population, version, duration }
    }

    pub(crate) fn prober(&self, tenant: TenantId, operation: &'static Operation) -> Result<Permit, Denied> {
        #[expect(clippy::disallowed_methods, reason = "this is the job that runs checks")]
        let job = Arc::new(authority::system(tenant, PROBER));
        self.policy.permit(&job, operation)
    }
}

/// What the log says of a run.
pub(crate) fn completed(run: &Run) -> Event {
    let outcome = match run.outcome {
        Outcome::Pass => "pass",
        Outcome::Degraded(_) => "degraded",
        Outcome::Fail => "fail",
    };
    Event::of(&RUN_PROBE, PROBE_COMPLETED, Entity::new("probe_run", run.id))
        .noting("probe", &run.probe)
        .noting("outcome", outcome)
}

/// The operations of the OpenAPI document: method, path and what is promised.
fn served(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    })
}
