//! Heads of logs, shown to witnesses as they grow. Each witness is asked by itself; what it has seen, it knows.

use std::time::Duration;

use async_trait::async_trait;
use ward::kernel::{Operation, TenantId};
use ward::{Cosigner, Store as _};

use crate::app::App;
use crate::due::{Done, Due, Work};
use crate::heads::{self, Failure};
use crate::sequencing::Stuck;

/// Shows the head of a log to a witness.
pub(crate) static WITNESS_LOG: Operation = heads::job("witnessLog", &[], false);

const PAUSE: Duration = Duration::from_secs(1);

/// A witness, and the logs of which it may not have seen the newest head.
pub(crate) struct Witnessed {
    cosigner: Cosigner,
    due: Due,
    /// Logs of which it has seen another, and how.
    pub(crate) wrong: Stuck,
}

impl Witnessed {
    /// A witness, by the name that its key has.
    pub(crate) fn new(name: &str, cosigner: Cosigner) -> Self {
        let late = "a witness has cosigned no newer head of a log for a quarter of an hour";
        let due = Due::new(format!("asking the witness {name}"), late, PAUSE);
        Self { cosigner, due, wrong: Stuck::default() }
    }
}

#[async_trait]
impl Work for Witnessed {
    fn due(&self) -> &Due {
        &self.due
    }

    async fn work(&self, app: &App, log: TenantId) -> Result<Done, Failure> {
        let mut reading = app.store.read(heads::permit(app, log, &WITNESS_LOG)?).await?;
        let cosigned = self.cosigner.cosign(log, &mut *reading).await;
        match &cosigned {
            Ok(_) => self.wrong.note(log, None),
            Err(error) if error.is_contradicted() => self.wrong.note(log, Some(error)),
            Err(_) => {} // a witness that doesn't answer takes nothing back
        }
        Ok(if cosigned? { Done::Some } else { Done::All })
    }
}
