use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use ward_audit::sequence::{self, Growth, Head, SequenceError, Step};
use ward_crypto::TenantKeys;
use ward_kernel::{EventId, StoreError, TenantId};

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

    /// Prepares storage for the log of this month and of `ahead` more.
    async fn keep_months(&self, ahead: u32) -> Result<(), StoreError>;
}

/// Lets logs grow, and remembers the last head of each that it signed: a database that was taken back can't have it sign a
/// second history.
pub struct Sequencer {
    logs: Arc<dyn Logs>,
    /// What the names of logs begin with.
    name: String,
    seen: Mutex<HashMap<TenantId, Head>>,
}

/// Leaves placed in one step, at most and the rest of a unit.
const MOST: u32 = 2_000;
/// How often a step is tried again that was raced.
const RACES: u32 = 5;

impl Sequencer {
    /// Over `logs`, whose names begin with `name`: that of the deployment.
    pub fn new(logs: Arc<dyn Logs>, name: impl Into<String>) -> Self {
        Self { logs, name: name.into(), seen: Mutex::default() }
    }

    /// Tenants with leaves that have no place.
    pub async fn waiting(&self, most: u32) -> Result<Vec<(TenantId, EventId)>, StoreError> {
        self.logs.waiting(most).await
    }

    /// Places the leaves of `tenant` that wait now, so that whoever reads its log finds what was committed before.
    pub async fn catch_up(&self, tenant: TenantId) -> Result<(), SequenceError> {
        let mut raced = 0;
        loop {
            match self.step(tenant, true).await {
                Ok(Some(step)) if step.placed >= u64::from(MOST) => {}
                Err(error) if error.is_raced() && raced < RACES => raced += 1,
                other => return other.map(drop),
            }
        }
    }

    /// Takes one step of a log; nothing, where no leaf waits. One that isn't `patient` is raced where another is under way.
    pub async fn step(&self, tenant: TenantId, patient: bool) -> Result<Option<Step>, SequenceError> {
        let (growth, keys) = self.logs.grow(tenant, patient).await?;
        let (origin, seen) = (format!("{}/{tenant}", self.name), self.seen().get(&tenant).cloned());
        let step = sequence::sequence(growth, &*keys, (&origin, seen.as_ref()), MOST).await?;
        if let Some(step) = &step {
            self.remember(tenant, &step.head);
        }
        Ok(step)
    }

    fn remember(&self, tenant: TenantId, head: &Head) {
        let mut seen = self.seen();
        let newer = seen.get(&tenant).is_none_or(|seen| seen.checkpoint.size <= head.checkpoint.size);
        if newer {
            seen.insert(tenant, head.clone());
        }
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<TenantId, Head>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
