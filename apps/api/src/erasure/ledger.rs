use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use ward::ErasureLedger;
use ward::kernel::TenantId;

/// The ledger, and what this replica has seen of it.
pub(crate) struct Erased {
    ledger: Box<dyn ErasureLedger>,
    /// The last number that the database knew: one that knows less was put back.
    pub(super) last: AtomicU64,
    /// Whether entries can't be written.
    failing: AtomicBool,
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
            failing: AtomicBool::new(false),
            told: Mutex::default(),
        }
    }

    /// The ledger itself.
    pub(crate) fn ledger(&self) -> &dyn ErasureLedger {
        &*self.ledger
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
    pub(super) fn note(&self, failed: bool) -> bool {
        self.failing.swap(failed, Ordering::AcqRel) != failed
    }
}
