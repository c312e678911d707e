//! Leaves that explain no change are committed together with those of others, whosever they are: while one commit is under way
//! the next one gathers, so that nobody waits for company and many share a flush to disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use uuid::Uuid;
use ward::kernel::{StoreError, TenantId};

use crate::audit::{Written, statement, stored};
use crate::connection::Connection;
use crate::error::failed;
use crate::turns::Shared;

/// Commits under way at once, where one alone doesn't hold all that waits: while one waits for the disk, another is written.
const LEADERS: u8 = 4;
/// Leaves in one commit, at most and the rest of an append.
const MOST: usize = 128;
/// Tenants in one commit, each of which costs a round trip.
const TENANTS: usize = 8;
/// Appends that wait at once, for less than a second: where the database is slower, more would only wait longer.
const WAITING: usize = 16_384;

type Stored = Result<DateTime<Utc>, StoreError>;

/// Appends that wait for the next commit, and those who make them.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pool: Shared,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Append>,
    leaders: u8,
}

#[derive(Debug)]
struct Append {
    written: Written,
    told: oneshot::Sender<Stored>,
}

impl State {
    /// Lets an append wait; `None` where too many do.
    fn enqueue(&mut self, written: Written) -> Option<oneshot::Receiver<Stored>> {
        let (told, stored) = oneshot::channel();
        let has_room = self.waiting.len() < WAITING;
        has_room.then(|| self.waiting.push_back(Append { written, told })).map(|()| stored)
    }

    fn enlists(&mut self, most: u8) -> bool {
        let leads = !self.waiting.is_empty() && self.leaders < most;
        self.leaders += u8::from(leads);
        leads
    }

    /// As much as one commit takes of what waits.
    fn take(&mut self) -> Vec<Append> {
        let (mut taken, mut leaves, mut tenants) = (Vec::new(), 0, BTreeSet::new());
        while leaves < MOST
            && tenants.len() < TENANTS
            && let Some(append) = self.waiting.pop_front()
        {
            leaves += append.written.len();
            tenants.insert(append.written.tenant);
            taken.push(append);
        }
        taken
    }
}

impl Group {
    pub(crate) fn new(pool: Shared) -> Self {
        Self { pool, state: Arc::default() }
    }

    /// Commits the leaves, all or none, and says when they were stored.
    pub(crate) async fn append(&self, written: Written) -> Stored {
        let stored = lock(&self.state).enqueue(written);
        let stored = stored.ok_or_else(|| failed(sqlx::Error::PoolTimedOut))?;
        self.lead(1);
        stored.await.map_err(|gone| StoreError::Failed(Box::new(gone)))?
    }

    /// Has somebody lead where something waits and fewer than `most` do.
    fn lead(&self, most: u8) {
        let leads = lock(&self.state).enlists(most);
        if leads {
            // A task of its own, since its commit is not undone where one who waits for it goes away.
            tokio::spawn(Leader { group: self.clone(), leads }.lead());
        }
    }

    /// Commits appends of one tenant or several; where that fails, each tenant's, and then each, by itself.
    async fn commit(&self, appends: Vec<Append>) {
        let mut tenants = BTreeMap::<Uuid, Vec<Append>>::new();
        appends.into_iter().for_each(|append| tenants.entry(append.written.tenant).or_default().push(append));
        if tenants.len() > 1
            && let Ok(stored) = self.commit_together(&tenants).await
        {
            return tenants.into_values().zip(stored).for_each(|(appends, at)| tell(appends, at));
        }
        for appends in tenants.into_values() {
            if appends.len() > 1
                && let Ok(at) = self.commit_alone(&appends).await
            {
                tell(appends, at);
                continue;
            }
            for append in appends {
                let stored = self.commit_alone(slice::from_ref(&append)).await;
                append.tell(stored);
            }
        }
    }

    /// One statement for appends of one tenant, which commits itself.
    async fn commit_alone(&self, appends: &[Append]) -> Stored {
        let Some(first) = appends.first() else { return Err(StoreError::Poisoned) };
        let tenant = first.written.tenant;
        stored(leaves(appends), &statement(tenant, written(appends)).alone(&self.pool, tenant).await?)
    }

    /// One transaction, in which each statement acts for its own tenant.
    async fn commit_together(
        &self,
        tenants: &BTreeMap<Uuid, Vec<Append>>,
    ) -> Result<Vec<DateTime<Utc>>, StoreError> {
        let conn = Connection::open(&self.pool, TenantId::DEPLOYMENT.into(), true).await.map_err(failed)?;
        let mut times = Vec::with_capacity(tenants.len());
        for (tenant, appends) in tenants {
            let rows = statement(*tenant, written(appends)).within(&conn).await?;
            times.push(stored(leaves(appends), &rows)?);
        }
        if conn.commit().await.map_err(failed)? { Ok(times) } else { Err(StoreError::Poisoned) }
    }
}

fn written(appends: &[Append]) -> impl Iterator<Item = &Written> + Clone {
    appends.iter().map(|append| &append.written)
}

fn leaves(appends: &[Append]) -> usize {
    written(appends).map(Written::len).sum()
}

/// Commits what waits, until nothing does.
struct Leader {
    group: Group,
    leads: bool,
}

impl Leader {
    async fn lead(mut self) {
        loop {
            // Whoever was told just now, or is about to append, comes first: a commit costs the same for one as for many.
            tokio::task::yield_now().await;
            let Some(appends) = self.next() else { return };
            self.group.lead(LEADERS);
            self.group.commit(appends).await;
        }
    }

    /// What to commit next; nothing, and this one leads no more.
    fn next(&mut self) -> Option<Vec<Append>> {
        let mut state = lock(&self.group.state);
        let appends = state.take();
        if appends.is_empty() {
            state.leaders -= 1;
            self.leads = false;
            return None;
        }
        Some(appends)
    }
}

impl Drop for Leader {
    /// Where it ends early, with its runtime, and nobody else leads, who waits is told so.
    fn drop(&mut self) {
        if self.leads {
            let mut state = lock(&self.group.state);
            state.leaders -= 1;
            if state.leaders == 0 {
                state.waiting.clear();
            }
        }
    }
}

impl Append {
    fn tell(self, stored: Stored) {
        let _gone = self.told.send(stored); // who waited may have gone away
    }
}

fn tell(appends: Vec<Append>, at: DateTime<Utc>) {
    appends.into_iter().for_each(|append| append.tell(Ok(at)));
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_when_too_much_waits_is_refused_and_what_waits_stays() {
        let mut state = State::default();
        let waiting: Vec<_> = (0..WAITING).map_while(|_| state.enqueue(Written::default())).collect();
        assert_eq!(waiting.len(), WAITING);
        assert!(state.enqueue(Written::default()).is_none());
        let taken = state.take();
        assert!(!taken.is_empty() && state.enqueue(Written::default()).is_some());
        tell(taken, DateTime::UNIX_EPOCH);
        assert!(waiting.into_iter().next().and_then(|mut told| told.try_recv().ok()).is_some());
    }
}
