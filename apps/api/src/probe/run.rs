use std::sync::Arc;
use std::time::Instant;

use ward::Store as _;
use ward::assurance::{Outcome, PROBE_COMPLETED, PROBER, RUN_PROBE, Run};
use ward::audit::Event;
use ward::kernel::{Entity, Operation, TenantId, authority};
use ward::rbac::{Denied, Permit};

use super::list::find;
use super::{ProbeError, Seen};
use crate::app::App;
use crate::http::problem::Refused;

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
