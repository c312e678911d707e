//! Logs for which something is to be done outside, again and again until it is done: as they grow, after every start, and once an hour
//! whether they grew or not. Only what is out there tells whether it is done; nothing here lasts.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use futures::{StreamExt as _, stream};
use ward::kernel::{TenantId, Uuid};

use crate::app::App;
use crate::custodian::is_dark;
use crate::heads::Failure;
use crate::logs;

/// Logs that are done at once.
const AT_ONCE: usize = 4;
/// How long one waits at most that failed again and again, and how long all do where nothing goes well.
const LONGEST: Duration = Duration::from_secs(60);
/// Failures in a row after which nothing goes well: then one is tried at a time.
const DOWN: u32 = 8;
/// After this, what fails is told to whoever relies on it.
const LATE: TimeDelta = TimeDelta::minutes(15);
const HOUR: Duration = Duration::from_secs(3600);

/// Logs for which something is to be done.
#[derive(Debug)]
pub(crate) struct Due {
    /// What is done, for whoever reads that it fails.
    what: String,
    /// What is to be said where it has failed for long.
    late: &'static str,
    pause: Duration,
    turns: Mutex<Turns>,
}

#[derive(Debug, Default)]
struct Turns {
    round: u64,
    logs: HashMap<TenantId, Turn>,
    /// Whether it was said that there are failures.
    failing: bool,
    /// Failures since something went well, of whichever logs, and before which round nothing is tried where they are many.
    in_a_row: u32,
    next: u64,
}

/// When a log's turn comes.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    failures: u32,
    round: u64,
    /// When it began to fail.
    since: Option<DateTime<Utc>>,
}

/// What was done for a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Done {
    /// All there was to do.
    All,
    /// Some.
    Some,
    /// Nothing: somebody else is at it, or it wasn't tried.
    Nothing,
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
        let take = |(log, turn)| async move {
            let done = if due.rests() || app.dark.holds(log) {
                Ok(Done::Nothing)
            } else {
                work.work(app, log).await
            };
            due.note(log, turn, done, app.clock().now())
        };
        let failed = stream::iter(due.take()).map(take).buffer_unordered(AT_ONCE);
        let failed: Vec<_> = failed.filter_map(std::future::ready).collect().await;
        due.tell(failed.into_iter().next());
        tokio::time::sleep(due.pause).await;
    }
}

/// What is to be said where any of `works` has failed for long.
pub(crate) fn late<'a>(
    works: impl IntoIterator<Item = &'a dyn Work>,
    now: DateTime<Utc>,
) -> Option<&'static str> {
    works.into_iter().find_map(|work| work.due().late(now))
}

impl Due {
    /// None yet; after `pause`, a turn is over. Of `what` fails for long, `late` is to be said.
    pub(crate) fn new(what: impl Into<String>, late: &'static str, pause: Duration) -> Self {
        Self { what: what.into(), late, pause, turns: Mutex::default() }
    }

    /// What is to be said where there is a log for which it has failed for long.
    fn late(&self, now: DateTime<Utc>) -> Option<&'static str> {
        let is_late = |turn: &Turn| turn.since.is_some_and(|since| now - since >= LATE);
        self.turns().logs.values().any(is_late).then_some(self.late)
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

    /// Whether nothing is tried for now, since nothing goes well.
    fn rests(&self) -> bool {
        let turns = self.turns();
        turns.in_a_row >= DOWN && turns.round < turns.next
    }

    /// Takes those whose turn has come; where nothing goes well, the one that has waited longest.
    fn take(&self) -> Vec<(TenantId, Turn)> {
        let turns = &mut *self.turns();
        turns.round += 1;
        let (now, is_down) = (turns.round, turns.in_a_row >= DOWN);
        if is_down && now < turns.next {
            return Vec::new();
        }
        let due = turns.logs.iter().filter(|(_, turn)| turn.round <= now);
        if let Some(longest) = due.min_by_key(|(_, turn)| turn.round).map(|(log, _)| *log).filter(|_| is_down)
        {
            return turns.logs.remove_entry(&longest).into_iter().collect();
        }
        turns.logs.extract_if(|_, turn| turn.round <= now).collect()
    }

    /// Puts off what failed, ever longer, and says why it did.
    fn note(
        &self,
        log: TenantId,
        turn: Turn,
        done: Result<Done, Failure>,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let failure = match done {
            Ok(Done::Nothing) => {
                self.turns().logs.insert(log, turn);
                return None;
            }
            Ok(done) => {
                self.turns().in_a_row = 0;
                if done == Done::Some {
                    self.add([log]);
                }
                return None;
            }
            // Over when the key is there again, and nothing is wrong with whom it is done for.
            Err(failure) if is_dark(&*failure) => {
                self.turns().logs.insert(log, turn);
                return None;
            }
            Err(failure) => failure,
        };
        let turns = &mut *self.turns();
        turns.in_a_row = turns.in_a_row.saturating_add(1);
        turns.next = turns.round + self.backoff(turns.in_a_row.saturating_sub(DOWN));
        let round = turns.round + self.backoff(turn.failures);
        let since = turn.since.or(Some(now));
        turns.logs.insert(log, Turn { failures: turn.failures.saturating_add(1), round, since });
        let error = logs::causes(&*failure);
        tracing::debug!(tenant = %Uuid::from(log), error, "{} fails", self.what);
        Some(error)
    }

    /// For how many rounds to wait after so many failures before this one.
    fn backoff(&self, failures: u32) -> u64 {
        let longest = self.rounds(LONGEST);
        1_u64.checked_shl(failures).unwrap_or(longest).min(longest)
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
