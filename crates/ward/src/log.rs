mod look;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ward_audit::note::Checkpoint;
use ward_audit::sequence::{self, Growth, Head, SequenceError, Step};
use ward_crypto::TenantKeys;
use ward_kernel::{Clock, EventId, StoreError, TenantId};

pub use look::{Look, Looks, Progress};

/// Port: the logs of all tenants, as far as their growth goes.
#[async_trait]
pub trait Logs: Send + Sync {
    /// Tenants with leaves that have no place, each with one of the oldest; those that waited longest come first.
    async fn waiting(&self, most: u32) -> Result<Vec<(TenantId, EventId)>, StoreError>;

    /// Begins a step of a tenant's log. One that isn't `patient` is [raced](StoreError::Raced) where another is under way.
    async fn grow(
        &self,
        tenant: TenantId,
        patient: bool,
    ) -> Result<(Box<dyn Growth>, Arc<TenantKeys>), StoreError>;

    /// Keeps a head that witnesses have cosigned, unless a later one is kept.
    async fn keep_witnessed(&self, tenant: TenantId, head: &Head) -> Result<(), StoreError>;

    /// Prepares storage for the log of this month and of `ahead` more.
    async fn keep_months(&self, ahead: u32) -> Result<(), StoreError>;
}

/// Lets logs grow, and remembers the last head of each that it signed: a database that was taken back can't have it sign a
/// second history.
pub struct Sequencer {
    logs: Arc<dyn Logs>,
    looks: Arc<dyn Looks>,
    clock: Arc<dyn Clock>,
    /// What the names of logs begin with.
    name: String,
    seen: Mutex<HashMap<TenantId, Head>>,
    /// When logs were last found sound; never, if they weren't by the last look.
    looked: Mutex<HashMap<TenantId, DateTime<Utc>>>,
    grown: Mutex<HashMap<TenantId, Checkpoint>>,
}

/// Leaves placed in one step, at most and the rest of a unit.
const MOST: u32 = 2_000;
/// For how many steps a reader waits.
const STEPS: u32 = 3;

impl Sequencer {
    /// Over `logs`, whose names begin with `name`: that of the deployment.
    pub fn new(
        logs: Arc<impl Logs + Looks + 'static>,
        name: impl Into<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            logs: logs.clone(),
            looks: logs,
            clock,
            name: name.into(),
            seen: Mutex::default(),
            looked: Mutex::default(),
            grown: Mutex::default(),
        }
    }

    /// Tenants with leaves that have no place.
    pub async fn waiting(&self, most: u32) -> Result<Vec<(TenantId, EventId)>, StoreError> {
        self.logs.waiting(most).await
    }

    /// Places leaves of `tenant` that wait now, so that whoever reads its log finds what was committed before: all of them, unless
    /// there are more than a few thousand. Says which were set aside.
    pub async fn catch_up(&self, tenant: TenantId) -> Result<Vec<EventId>, SequenceError> {
        let mut rejected = Vec::new();
        for _ in 0..STEPS {
            match self.step(tenant, true).await {
                Ok(Some(step)) => {
                    let more = step.is_full();
                    rejected.extend(step.rejected);
                    if !more {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) if error.is_raced() => {} // another replica places them
                Err(error) => return Err(error),
            }
        }
        Ok(rejected)
    }

    /// Takes one step of a log; nothing, where no leaf waits. One that isn't `patient` is raced where another is under way.
    pub async fn step(&self, tenant: TenantId, patient: bool) -> Result<Option<Step>, SequenceError> {
        let (growth, keys) = self.logs.grow(tenant, patient).await?;
        self.take_step(tenant, growth, &keys).await
    }

    async fn take_step(
        &self,
        tenant: TenantId,
        growth: Box<dyn Growth>,
        keys: &TenantKeys,
    ) -> Result<Option<Step>, SequenceError> {
        let (origin, seen) = (self.origin(tenant), self.seen(tenant));
        let step = sequence::sequence(growth, keys, (&origin, seen.as_ref()), MOST, self.clock.now()).await?;
        if let Some(step) = &step {
            self.remember(tenant, &step.head);
            lock(&self.grown).insert(tenant, step.head.checkpoint.clone());
        }
        Ok(step)
    }

    /// The heads that were signed here since this was asked last, one for each log.
    pub fn grown(&self) -> HashMap<TenantId, Checkpoint> {
        std::mem::take(&mut *lock(&self.grown))
    }

    /// The name of the log of `tenant`, unless it has another already.
    pub fn origin(&self, tenant: TenantId) -> String {
        format!("{}/{tenant}", self.name)
    }

    fn remember(&self, tenant: TenantId, head: &Head) {
        let mut seen = lock(&self.seen);
        let newer = seen.get(&tenant).is_none_or(|seen| seen.checkpoint.size <= head.checkpoint.size);
        if newer {
            seen.insert(tenant, head.clone());
        }
    }

    fn seen(&self, tenant: TenantId) -> Option<Head> {
        lock(&self.seen).get(&tenant).cloned()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
