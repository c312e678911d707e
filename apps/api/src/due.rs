//! Logs for which something is to be done outside, again and again until it is done: as they grow, after every start, and once an hour
//! whether they grew or not. Only what is out there tells whether it is done; nothing here lasts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use futures::{StreamExt as _, stream};
use ward::kernel::{TenantId, Uuid};

use crate::app::App;
use crate::heads::Failure;
use crate::logs;

/// Logs that are done at once.
const AT_ONCE: usize = 4;
/// How long one waits at most that failed again and again.
const LONGEST: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Logs for which something is to be done.
#[derive(Debug)]
pub(crate) struct Due {
    /// What is done, for whoever reads that it fails.
    what: String,
    pause: Duration,
    turns: Mutex<Turns>,
}

#[derive(Debug, Default)]
struct Turns {
    round: u64,
    logs: HashMap<TenantId, Turn>,
    /// Whether it was said that there are failures.
    failing: bool,
}

/// When a log's turn comes.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    failures: u32,
    round: u64,
}

/// What was done for a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Done {
    /// All there was to do.
    All,
    /// Some.
    Some,
}

/// Something to be done for logs.
#[async_trait]
pub(crate) trait Work: Send + Sync {
    /// For which ones.
    fn due(&self) -> &Due;

    /// Does it, or some of it, for one of them.
    async fn work(&self, app: &App, log: TenantId) -> Result<Done, Failure>;
}

/// Does all that is to be done outside, each by itself, for ever.
pub(crate) async fn keep(app: Arc<App>) {
    join_all(app.outside().map(|work| keep_at(&app, work))).await;
}

async fn keep_at(app: &App, work: &dyn Work) {
    let (due, mut all) = (work.due(), 0);
    loop {
        let round = due.turns().round;
        if round >= all {
            match app.tenants().await {
                Ok(logs) => {
                    due.add(logs);
                    all = round + due.rounds(HOUR);
                }
                Err(error) => tracing::warn!(error = logs::causes(&error), "tenants can't be listed"),
            }
        }
        let take = |(log, failures)| async move { due.note(log, failures, work.work(app, log).await) };
        let failed = stream::iter(due.take()).map(take).buffer_unordered(AT_ONCE);
        let failed: Vec<_> = failed.filter_map(std::future::ready).collect().await;
        due.tell(failed.into_iter().next());
        tokio::time::sleep(due.pause).await;
    }
}

impl Due {
    /// None yet; after `pause`, a turn is over.
    pub(crate) fn new(what: impl Into<String>, pause: Duration) -> Self {
        Self { what: what.into(), pause, turns: Mutex::default() }
    }

    /// Has these logs' turn come, if they don't wait for it already.
    pub(crate) fn add(&self, logs: impl IntoIterator<Item = TenantId>) {
        let turns = &mut *self.turns();
        for log in logs {
            turns.logs.entry(log).or_default();
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rounds(&self, time: Duration) -> u64 {
        time.as_millis().div_ceil(self.pause.as_millis().max(1)).try_into().unwrap_or(u64::MAX)
    }

    /// Takes those whose turn has come, each with how often it has failed.
    fn take(&self) -> Vec<(TenantId, u32)> {
        let turns = &mut *self.turns();
        turns.round += 1;
        let now = turns.round;
        turns.logs.extract_if(|_, turn| turn.round <= now).map(|(log, turn)| (log, turn.failures)).collect()
    }

    /// Puts off what failed, ever longer, and says why it did.
    fn note(&self, log: TenantId, failures: u32, done: Result<Done, Failure>) -> Option<String> {
        match done {
            Ok(Done::All) => None,
            Ok(Done::Some) => {
                self.add([log]);
                None
            }
            Err(failure) => {
                let longest = self.rounds(LONGEST);
                let turns = &mut *self.turns();
                let round = turns.round + 1_u64.checked_shl(failures).unwrap_or(longest).min(longest);
                turns.logs.insert(log, Turn { failures: failures.saturating_add(1), round });
                let error = logs::causes(&*failure);
                tracing::debug!(tenant = %Uuid::from(log), error, "{} fails", self.what);
                Some(error)
            }
        }
    }

    /// Says once that there are failures, and once that there are none any more.
    fn tell(&self, failed: Option<String>) {
        let turns = &mut *self.turns();
        let failing = turns.logs.values().filter(|turn| turn.failures > 0).count();
        match failed {
            Some(error) if !turns.failing => {
                turns.failing = true;
                tracing::warn!(logs = failing, error, "{} fails: trying on", self.what);
            }
            _ if turns.failing && failing == 0 => {
                turns.failing = false;
                tracing::info!("{} goes on", self.what);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use ward::kernel::{TenantId, Uuid};

    use super::{Done, Due};

    const LOGS: [TenantId; 3] = [id(1), id(2), id(3)];

    const fn id(n: u128) -> TenantId {
        TenantId::fixed(Uuid::from_u128(n))
    }

    fn taken(due: &Due) -> BTreeSet<TenantId> {
        due.take().into_iter().map(|(log, _)| log).collect()
    }

    #[test]
    fn what_is_not_done_comes_again_and_what_is_done_only_when_it_is_due() {
        let due = Due::new("it", Duration::from_secs(1));
        due.add(LOGS);
        due.add(LOGS);
        assert_eq!(taken(&due), LOGS.into());
        assert_eq!(due.note(LOGS[0], 0, Ok(Done::All)), None);
        assert_eq!(due.note(LOGS[1], 0, Ok(Done::Some)), None);
        assert_eq!(taken(&due), [LOGS[1]].into());
        assert_eq!(taken(&due), [].into());
    }

    #[test]
    fn what_fails_waits_ever_longer_but_a_minute_at_most_and_holds_nobody_up() {
        let due = Due::new("it", Duration::from_secs(1));
        let (mut failures, mut waited, mut waits) = (0, 0, Vec::new());
        due.note(LOGS[0], failures, Err("no".into()));
        while waits.len() < 9 {
            due.add(LOGS); // it grows meanwhile, which hurries nothing
            let turn = due.take();
            assert!(turn.iter().any(|(log, failures)| (*log, *failures) == (LOGS[1], 0)));
            waited += 1;
            if let Some((log, failed)) = turn.into_iter().find(|(log, _)| *log == LOGS[0]) {
                assert_eq!(failed, failures + 1);
                failures = failed;
                waits.push(waited);
                waited = 0;
                assert_eq!(due.note(log, failed, Err("no".into())).as_deref(), Some("no"));
            }
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
