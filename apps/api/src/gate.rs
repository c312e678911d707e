//! Nothing is served from a database whose isolation isn't proven, or in which people came back who were erased; nor without keys.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use poem::{Endpoint, Middleware, Request, Response, Result};

use crate::http::problem::Refused;

/// Whether tenants are kept apart: this replica has proved it, and no replica's last check found otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<Findings>);

#[derive(Debug, Default)]
struct Findings {
    proven: AtomicBool,
    refuted: AtomicBool,
    /// The proof wasn't even begun: there are no keys.
    keyless: AtomicBool,
    /// Whether everybody is erased whom the ledger says was.
    settled: AtomicBool,
    /// Whether that was asked and is not so, or not known.
    unsettled: AtomicBool,
    /// What was logged since isolation last held.
    told: Mutex<BTreeSet<String>>,
}

impl Gate {
    /// Says what this replica's own proof came to.
    pub(crate) fn prove(&self, holds: bool) {
        self.0.proven.store(holds, Ordering::Release);
        if holds {
            self.told().clear();
        }
    }

    /// Says what this replica found broken, by rule and object. Each is logged at once, and once until isolation holds
    /// again, which this replica has to prove anew.
    pub(crate) fn refute(&self, findings: &[String]) {
        self.prove(false);
        self.hear(true);
        for finding in self.news(findings) {
            tracing::error!(finding, "tenant isolation is refuted: nothing is served");
        }
    }

    fn news<'a>(&self, findings: &'a [String]) -> Vec<&'a String> {
        let mut told = self.told();
        findings.iter().filter(|finding| told.insert((*finding).clone())).collect()
    }

    /// Says what the last check came to, whichever replica ran it.
    pub(crate) fn hear(&self, refuted: bool) {
        self.0.refuted.store(refuted, Ordering::Release);
    }

    /// Says whether the deployment's keys can be had, without which nothing is looked at.
    pub(crate) fn lack_keys(&self, lacks: bool) {
        self.0.keyless.store(lacks, Ordering::Release);
    }

    pub(crate) fn lacks_keys(&self) -> bool {
        self.0.keyless.load(Ordering::Acquire)
    }

    /// Says whether the database has done what the ledger of erasures says was done.
    pub(crate) fn settle(&self, settled: bool) {
        self.0.settled.store(settled, Ordering::Release);
        self.0.unsettled.store(!settled, Ordering::Release);
    }

    /// Whether tenants are known to be kept apart.
    pub(crate) fn is_isolated(&self) -> bool {
        self.0.proven.load(Ordering::Acquire) && !self.0.refuted.load(Ordering::Acquire)
    }

    /// Whether nobody is here who was erased.
    pub(crate) fn is_settled(&self) -> bool {
        self.0.settled.load(Ordering::Acquire)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_isolated() && self.is_settled()
    }

    fn told(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Endpoint<Output = Response>> Middleware<E> for Gate {
    type Output = Gated<E>;

    fn transform(&self, inner: E) -> Gated<E> {
        Gated { inner, gate: self.clone() }
    }
}

pub(crate) struct Gated<E> {
    inner: E,
    gate: Gate,
}

impl<E: Endpoint<Output = Response>> Endpoint for Gated<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if self.gate.is_open() || matches!(request.uri().path(), "/health" | "/ready") {
            return self.inner.call(request).await;
        }
        let (kind, detail) = if self.gate.lacks_keys() {
            return Err(Refused::dark().into());
        } else if self.gate.0.unsettled.load(Ordering::Acquire) {
            ("erasures-unsettled", "people may be here who were erased, so nothing is served")
        } else {
            ("isolation-unproven", "tenant isolation is not proven, so nothing is served")
        };
        Err(Refused::unavailable(kind, detail).into())
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;

    #[test]
    fn a_finding_is_news_once_until_isolation_holds_again() {
        let (gate, findings) = (Gate::default(), ["R05 a", "R06 b"].map(str::to_owned));
        assert_eq!(gate.news(&findings[..1]), [&findings[0]]);
        assert_eq!(gate.news(&findings), [&findings[1]]);
        gate.prove(false);
        assert!(gate.news(&findings).is_empty());
        gate.prove(true);
        assert_eq!(gate.news(&findings), [&findings[0], &findings[1]]);
    }

    #[test]
    fn whoever_found_isolation_broken_serves_nothing_before_proving_it_anew() {
        let gate = Gate::default();
        gate.settle(true);
        gate.prove(true);
        gate.refute(&["R05 a".to_owned()]);
        gate.hear(false); // what another replica saw before
        assert!(!gate.is_open());
        gate.prove(true);
        assert!(gate.is_open());
    }
}
