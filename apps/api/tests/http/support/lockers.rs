use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ward::crypto::{ExternalKeys, KeyService, LocalKeys, RootKey, ServiceError, TenantKey};
use ward::kernel::TenantId;
use ward_testkit::Machine;

/// Key services that tenants bring: real roots, which can be taken away, where no process of others can be raced against so closely.
#[derive(Default)]
pub(crate) struct Lockers(Mutex<HashMap<String, Arc<Locker>>>);

/// One of them.
pub(crate) struct Locker {
    real: LocalKeys,
    state: Mutex<State>,
    waiting: AtomicUsize,
}

/// How it answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum State {
    #[default]
    Well,
    Refusing,
    Away,
    /// It unwraps, and something else than what was wrapped.
    Lying,
    /// It wraps nothing before it is otherwise, and makes whoever asks wait.
    Pondering,
}

impl Lockers {
    /// Those of all tests; each test has an address of its own.
    pub(crate) fn all() -> Arc<Self> {
        static ALL: LazyLock<Arc<Lockers>> = LazyLock::new(Arc::default);
        ALL.clone()
    }

    /// The one at `address`, made when it is first asked for.
    pub(crate) fn find(&self, address: &str) -> Arc<Locker> {
        let mut lockers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let machine = Arc::new(Machine::default());
        let new = || {
            let root = RootKey::random(&*machine).expect("randomness");
            Arc::new(Locker {
                real: LocalKeys::new(root, machine.clone()),
                state: Mutex::default(),
                waiting: AtomicUsize::new(0),
            })
        };
        lockers.entry(address.to_owned()).or_insert_with(new).clone()
    }
}

impl Locker {
    pub(crate) fn is(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// How many wait for it to wrap something.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn state(&self) -> Result<State, ServiceError> {
        match *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Refusing => Err(ServiceError::Refused),
            State::Away => Err(ServiceError::Unavailable("connection refused".into())),
            state => Ok(state),
        }
    }
}

#[async_trait]
impl ExternalKeys for Lockers {
    async fn at(&self, _: TenantId, address: &str) -> Result<Arc<dyn KeyService>, ServiceError> {
        if address.starts_with("locker:") { Ok(self.find(address)) } else { Err(ServiceError::Refused) }
    }
}

#[async_trait]
impl KeyService for Locker {
    async fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        while matches!(self.state(), Ok(State::Pondering)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.state()?;
        self.real.wrap(tenant, key).await
    }

    async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError> {
        let state = self.state()?;
        tokio::task::yield_now().await; // others come in between, as they do where a network is
        match state {
            State::Lying => {
                let other: Vec<u8> = (1..=33).collect();
                TenantKey::from_clear(&other).map_err(|_| ServiceError::Broken)
            }
            _ => self.real.unwrap(tenant, wrapped).await,
        }
    }

    async fn check(&self) -> Result<(), ServiceError> {
        self.state().map(drop)
    }
}
