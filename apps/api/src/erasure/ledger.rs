use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use ward::ErasureLedger;
use ward::kernel::TenantId;

/// After this, what isn't in the ledger is told to whoever relies on it.
const LATE: TimeDelta = TimeDelta::minutes(15);

/// The ledger, and what this replica has seen of it.
pub(crate) struct Erased {
    ledger: Box<dyn ErasureLedger>,
    /// The last number that the database knew: one that knows less was put back.
    pub(super) last: AtomicU64,
    /// Since when entries can't be written.
    failing: Mutex<Option<DateTime<Utc>>>,
    /// Why it couldn't be looked at, while that is so: it is told once.
    told: Mutex<Option<String>>,
}

/// Tenants of which erasures are owed that can't be done yet, as their keys can't be had: they are served when they were done.
#[derive(Debug, Default)]
pub(crate) struct Owing(Mutex<HashSet<TenantId>>);

impl Owing {
    /// Whether the tenant isn't to be served.
    pub(crate) fn holds(&self, tenant: TenantId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&tenant)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Takes `owing` for all there are, and answers those that are news.
    pub(super) fn learn(&self, owing: HashSet<TenantId>) -> Vec<TenantId> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = owing.difference(&known).copied().collect();
        *known = owing;
        news
    }
}

impl Erased {
    pub(crate) fn new(ledger: impl ErasureLedger + 'static) -> Self {
        Self {
            ledger: Box::new(ledger),
            last: AtomicU64::new(0),
            failing: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// The ledger itself.
    pub(crate) fn ledger(&self) -> &dyn ErasureLedger {
        &*self.ledger
    }

    /// Whether entries haven't been written for long.
    pub(crate) fn is_late(&self, now: DateTime<Utc>) -> bool {
        let failing = *self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.is_some_and(|since| now - since >= LATE)
    }

    /// Tells why the ledger couldn't be looked at, unless that was told last, or that it could again.
    pub(super) fn tell(&self, failed: Option<String>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match &failed {
            Some(error) if failed != *told => {
                tracing::error!(
                    error,
                    "the ledger of erasures can't be looked at: a restore wouldn't be noticed"
                );
            }
            None if told.is_some() => tracing::info!("the ledger of erasures can be looked at again"),
            _ => {}
        }
        *told = failed;
    }

    /// Notes whether entries could be written, and answers whether that is news.
    pub(super) fn note(&self, failed: bool, now: DateTime<Utc>) -> bool {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = failing.is_some() != failed;
        *failing = failed.then(|| failing.unwrap_or(now));
        is_news
    }
}
