use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ward_kernel::{StoreError, Uuid};

/// One run of a check: what it did and saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Names it.
    pub id: Uuid,
    /// Which check.
    pub probe: String,
    /// When it began.
    pub at: DateTime<Utc>,
    /// How it ended.
    pub outcome: Outcome,
    /// What it saw, in a sentence without anything personal.
    pub observed: String,
    /// Over how many things: tables, operations, attempts; none, where it could not look.
    pub population: u64,
    /// Which release of Ward ran it.
    pub version: String,
    /// How long it took, in microseconds.
    pub duration: u64,
}

impl Run {
    /// Whether it saw that what is promised doesn't hold. One that could not look fails, and refutes nothing.
    pub fn refutes(&self) -> bool {
        self.outcome == Outcome::Fail && self.population > 0
    }
}

/// How a check ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Outcome {
    /// It saw what is promised.
    Pass,
    /// It did, with a caveat.
    Degraded(String),
    /// It didn't, or could not look.
    #[default]
    Fail,
}

/// Port: the runs of checks; none is ever changed or removed.
#[async_trait]
pub trait Ledger: Send {
    /// Adds a run.
    async fn record_run(&mut self, run: &Run) -> Result<(), StoreError>;
}

/// Port: the runs of checks, to read.
#[async_trait]
pub trait LedgerView: Send {
    /// The last run of each of these checks, as far as it ever ran; that takes no longer the more runs there are.
    async fn last_runs(&mut self, probes: &[&str]) -> Result<Vec<Run>, StoreError>;

    /// Up to `most` runs of a check, newest first, older than `before`, within these times.
    async fn runs(
        &mut self,
        probe: &str,
        between: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
        before: Option<Uuid>,
        most: u32,
    ) -> Result<Vec<Run>, StoreError>;
}
