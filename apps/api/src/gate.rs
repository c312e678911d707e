//! Nothing is served from a database whose isolation isn't proven.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use poem::{Endpoint, Middleware, Request, Response, Result};

use crate::http::problem::Refused;

/// Whether tenants are kept apart: this replica has proved it, and no replica's last check found otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<Findings>);

#[derive(Debug, Default)]
struct Findings {
    proven: AtomicBool,
    refuted: AtomicBool,
}

impl Gate {
    /// Says what this replica's own proof came to.
    pub(crate) fn prove(&self, holds: bool) {
        self.0.proven.store(holds, Ordering::Release);
    }

    /// Says what the last check came to, whichever replica ran it.
    pub(crate) fn hear(&self, refuted: bool) {
        self.0.refuted.store(refuted, Ordering::Release);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.proven.load(Ordering::Acquire) && !self.0.refuted.load(Ordering::Acquire)
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
        let detail = "tenant isolation is not proven, so nothing is served";
        Err(Refused::unavailable("isolation-unproven", detail).into())
    }
}
