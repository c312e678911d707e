//! Whether this replica serves: it proves isolation for itself before it serves anybody, and believes every replica that
//! finds it broken later; and it has the database do again what the ledger of erasures has beyond it.

use std::sync::Arc;
use std::time::Duration;

use ward::Store as _;
use ward::assurance::{Outcome, Run};
use ward::kernel::TenantId;
use ward_postgres::prover::Verdict;

use crate::app::App;
use crate::config::Mode;
use crate::logs;
use crate::operator::Failure;
use crate::probe::PROBE_READ;
use crate::tasks;

const ISOLATION: &str = "isolation";
/// How soon another replica's finding is known here.
const LOOK: Duration = Duration::from_secs(5);
/// How long to leave a database alone whose isolation is broken.
const AGAIN: Duration = Duration::from_secs(10);

impl App {
    /// Proves isolation, from the catalogue and by attacks, and opens the gate if both hold. Where the catalogue refutes
    /// it nothing is written, `/health` answers, and nothing else is served.
    pub(crate) async fn admit(&self) -> Result<(), Failure> {
        self.gate.prove(false);
        match self.store.proof().await?.verdict() {
            Verdict::Proven => {}
            Verdict::Degraded(reason) if self.mode == Mode::Production => {
                return Err(format!("production refuses this database server: {reason}").into());
            }
            Verdict::Degraded(reason) => {
                tracing::warn!(reason, "tenant isolation is in doubt: do not keep real data here");
            }
            Verdict::Refuted(findings) => {
                self.gate.refute(&findings.iter().map(ToString::to_string).collect::<Vec<_>>());
                return Ok(());
            }
        }
        if self.rooted_elsewhere && self.lacks_keys().await? {
            return Ok(());
        }
        self.prepare().await?;
        if let Err(failure) = self.settle_erasures().await {
            self.gate.settle(false);
            self.gate.prove(false);
            let error = logs::causes(&*failure);
            tracing::error!(
                error,
                "it isn't known who was erased since this database was backed up: nothing is served"
            );
            return Ok(());
        }
        self.gate.settle(true);
        let turn = self.turn.lock().await;
        let run = self.run_probe(ISOLATION).await.map_err(|refused| format!("{refused:?}"))?;
        drop(turn);
        if run.outcome == Outcome::Fail {
            return Ok(()); // whoever looked has told why
        }
        tasks::plan(self).await?;
        self.gate.prove(true);
        Ok(())
    }

    /// Whether the deployment's keys can't be had, which is no reason to end where a key service may give them later.
    async fn lacks_keys(&self) -> Result<bool, Failure> {
        let root = self.store.keyring().service().check().await.map_err(Failure::from);
        let error = match root {
            Err(error) => Some(error),
            Ok(()) if !self.store.is_founded(TenantId::DEPLOYMENT).await? => None,
            Ok(()) => self.store.credential_code().await.err().map(Failure::from),
        };
        if let Some(error) = &error {
            let error = logs::causes(&**error);
            tracing::error!(error, "the deployment's keys can't be had: nothing is served until they can");
        }
        self.gate.lack_keys(error.is_some());
        Ok(error.is_some())
    }

    /// Closes the gate where the last check failed, whichever replica ran it; tries to open one that is closed.
    async fn follow(&self) -> Result<(), Failure> {
        if self.gate.lacks_keys() {
            return self.admit().await;
        }
        let permit = self.prober(TenantId::DEPLOYMENT, &PROBE_READ).map_err(|denied| denied.to_string())?;
        let runs = self.store.read(permit).await?.last_runs(&[ISOLATION]).await?;
        self.gate.hear(runs.iter().any(Run::refutes));
        if self.gate.is_open() {
            self.follow_erasures().await?;
        }
        if self.gate.is_open() { Ok(()) } else { self.admit().await }
    }
}

/// Follows what the replicas find, for ever.
pub(crate) async fn keep(app: Arc<App>) {
    loop {
        tokio::time::sleep(if app.gate.is_open() { LOOK } else { AGAIN }).await;
        if let Err(error) = app.follow().await {
            tracing::warn!(
                error = &*error as &(dyn std::error::Error + 'static),
                "isolation, or who was erased, could not be looked at"
            );
        }
    }
}
