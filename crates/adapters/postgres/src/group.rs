//! Leaves that explain no change are committed together with those of others, whosever they are: while one commit is under way
//! the next one gathers, so that nobody waits for company and many share a flush to disk.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use uuid::Uuid;
use ward::kernel::{StoreError, TenantId};

use crate::audit::Written;
use crate::connection::Connection;
use crate::error::failed;
use crate::turns::Shared;

/// Commits under way at once: while one waits for the disk, another is written.
const LEADERS: u8 = 2;
/// Leaves in one commit, at most and the rest of an append.
const MOST: usize = 2_000;

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

impl Group {
    pub(crate) fn new(pool: Shared) -> Self {
        Self { pool, state: Arc::default() }
    }

    /// Commits the leaves, all or none, and says when they were stored.
    pub(crate) async fn append(&self, written: Written) -> Stored {
        let (told, stored) = oneshot::channel();
        if self.enlist(Append { written, told }) {
            // A task of its own, since its commit is not undone where one who waits for it goes away.
            tokio::spawn(Leader { group: self.clone(), leads: true }.lead());
        }
        stored.await.map_err(|gone| StoreError::Failed(Box::new(gone)))?
    }

    /// Whether somebody has to lead.
    fn enlist(&self, append: Append) -> bool {
        let mut state = lock(&self.state);
        state.waiting.push_back(append);
        let leads = state.leaders < LEADERS;
        state.leaders += u8::from(leads);
        leads
    }

    /// Commits appends of one tenant or several; where that fails, each tenant's, and then each, by itself.
    async fn commit(&self, appends: Vec<Append>) {
        let mut tenants = BTreeMap::<Uuid, Vec<Append>>::new();
        appends.into_iter().for_each(|append| tenants.entry(append.written.tenant).or_default().push(append));
        let written: Vec<_> = tenants.values().map(|appends| joined(appends)).collect();
        if let [_, _, ..] = &*written
            && let Ok(stored) = self.commit_together(&written).await
        {
            return tenants.into_values().zip(stored).for_each(|(appends, at)| tell(appends, at));
        }
        for (appends, written) in tenants.into_values().zip(written) {
            if let [_, _, ..] = &*appends
                && let Ok(at) = self.commit_alone(&written).await
            {
                tell(appends, at);
                continue;
            }
            for append in appends {
                let stored = self.commit_alone(&append.written).await;
                append.tell(stored);
            }
        }
    }

    /// One statement, which commits itself.
    async fn commit_alone(&self, written: &Written) -> Stored {
        written.is_stored(&written.statement().alone(&self.pool, written.tenant).await?)
    }

    /// One transaction, in which each statement acts for its own tenant.
    async fn commit_together(&self, written: &[Written]) -> Result<Vec<DateTime<Utc>>, StoreError> {
        let conn = Connection::open(&self.pool, TenantId::DEPLOYMENT.into(), true).await.map_err(failed)?;
        let mut stored = Vec::with_capacity(written.len());
        for written in written {
            stored.push(written.is_stored(&written.statement().within(&conn).await?)?);
        }
        if conn.commit().await.map_err(failed)? { Ok(stored) } else { Err(StoreError::Poisoned) }
    }
}

/// Commits what waits, until nothing does.
struct Leader {
    group: Group,
    leads: bool,
}

impl Leader {
    async fn lead(mut self) {
        while let Some(appends) = self.next() {
            self.group.commit(appends).await;
        }
    }

    /// What to commit next; nothing, and this one leads no more.
    fn next(&mut self) -> Option<Vec<Append>> {
        let mut state = lock(&self.group.state);
        let (mut next, mut leaves) = (Vec::new(), 0);
        while leaves < MOST
            && let Some(append) = state.waiting.pop_front()
        {
            leaves += append.written.len();
            next.push(append);
        }
        if next.is_empty() {
            state.leaders -= 1;
            self.leads = false;
            return None;
        }
        Some(next)
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

/// The leaves of appends of one tenant.
fn joined(appends: &[Append]) -> Written {
    let mut all = appends.iter().map(|append| append.written.clone());
    let mut joined = all.next().unwrap_or_default();
    all.for_each(|more| joined.extend(more));
    joined
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
