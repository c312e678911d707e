use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ward::assurance::{Outcome, Run};

/// Runs that could not be recorded, such as where the log can't be written: their claims aren't kept, and this replica says so.
#[derive(Debug, Default)]
pub(crate) struct Unrecorded(Mutex<HashMap<String, Run>>);

impl Unrecorded {
    /// Keeps a run that could not be recorded, whatever it saw, as one that failed.
    pub(crate) fn keep(&self, mut run: Run) {
        if run.outcome != Outcome::Fail {
            run.outcome = Outcome::Fail;
            run.observed = "What the check saw could not be recorded.".to_owned();
        }
        self.held().insert(run.probe.clone(), run);
    }

    /// Forgets it: a later one was recorded.
    pub(crate) fn forget(&self, probe: &str) {
        self.held().remove(probe);
    }

    /// Puts them in the place of those recorded before, or first.
    pub(crate) fn over(&self, runs: &mut Vec<Run>) {
        for unrecorded in self.held().values() {
            match runs.iter_mut().find(|run| run.probe == unrecorded.probe) {
                Some(run) if run.at < unrecorded.at => *run = unrecorded.clone(),
                Some(_) => {}
                None => runs.push(unrecorded.clone()),
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use uuid::Uuid;

    use super::*;

    fn run(minute: i64, outcome: Outcome) -> Run {
        let (probe, at) = ("audit_tree".to_owned(), DateTime::UNIX_EPOCH + TimeDelta::minutes(minute));
        let (observed, version) = ("All is well.".to_owned(), String::new());
        Run { id: Uuid::nil(), probe, at, outcome, observed, population: 1, version, duration: 1 }
    }

    #[test]
    fn a_run_that_is_not_recorded_fails_and_stands_for_those_before_it() {
        let unrecorded = Unrecorded::default();
        let mut runs = vec![run(1, Outcome::Pass)];
        unrecorded.over(&mut runs);
        assert_eq!(runs, [run(1, Outcome::Pass)]);
        unrecorded.keep(run(2, Outcome::Pass));
        unrecorded.over(&mut runs);
        assert_eq!((runs.len(), &runs[0].outcome), (1, &Outcome::Fail));
        let mut none = vec![];
        unrecorded.over(&mut none);
        assert_eq!(none, runs);

        let mut later = vec![run(3, Outcome::Pass)];
        unrecorded.over(&mut later);
        assert_eq!(later, [run(3, Outcome::Pass)], "another replica recorded one since");
        unrecorded.forget("audit_tree");
        none.clear();
        unrecorded.over(&mut none);
        assert!(none.is_empty());
    }
}
