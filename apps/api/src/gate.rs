//! Nothing is served from a database whose isolation isn't proven.

use std::sync::{Arc, PoisonError, RwLock};

use poem::{Endpoint, Middleware, Request, Response, Result};

use crate::http::problem::Refused;

/// Whether tenants are kept apart, as last proven.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<RwLock<State>>);

/// What the last proof said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum State {
    /// Nothing was proven yet.
    #[default]
    Unknown,
    /// Served.
    Open,
    /// Refused: the proof failed.
    Refuted,
}

impl Gate {
    pub(crate) fn set(&self, state: State) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.0.read().unwrap_or_else(PoisonError::into_inner) == State::Open
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
