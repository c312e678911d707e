use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use foldhash::fast::RandomState;
use ward_kernel::{Clock, Entropy, TenantId};

use crate::loading::{Flights, Loading};
use crate::material::redacted;
use crate::tally::Tally;
use crate::tenant::make_own;
use crate::{
    ExternalKeys, KeyError, KeyId, KeyService, ServiceError, StoredKeys, Suite, TenantKeys, Unloaded,
    WrappedKey,
};

/// Tenants' unwrapped keys, kept for a minute at most: whoever revokes a key at the [`KeyService`], the deployment's or one that a
/// tenant [brought](ExternalKeys), has been obeyed by then.
///
/// Never keep what it lends longer than one request or one piece of work.
pub struct Keyring {
    /// Wraps.
    pub(crate) root: Arc<dyn KeyService>,
    /// The root, or it and another [beside](Self::beside) it.
    pub(crate) service: Arc<dyn KeyService>,
    external: Option<Arc<dyn ExternalKeys>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ttl: Duration,
    capacity: usize,
    held: Mutex<Held>,
    pub(crate) flights: Flights,
    pub(crate) tally: Arc<Tally>,
}

#[derive(Default)]
pub(crate) struct Held {
    pub(crate) tenants: HashMap<TenantId, (Duration, Arc<TenantKeys>), RandomState>,
    /// Grows with every `forget`, so that a key on its way in while it is forgotten stays out.
    forgotten: u64,
}

impl Keyring {
    /// The longest that keys are kept.
    pub const LONGEST: TimeDelta = TimeDelta::seconds(60);

    /// An empty ring over `root` that keeps the keys of up to `capacity` tenants for `ttl`, at most [`Self::LONGEST`].
    pub fn new(
        root: Arc<dyn KeyService>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        ttl: TimeDelta,
        capacity: usize,
    ) -> Result<Self, KeyringError> {
        let ttl = ttl.to_std().ok().filter(|least| !least.is_zero() && ttl <= Self::LONGEST);
        let ttl = ttl.ok_or(KeyringError::Ttl)?;
        if capacity == 0 {
            return Err(KeyringError::Capacity);
        }
        let (held, flights, tally) = (Mutex::default(), Flights::default(), Arc::default());
        let service = root.clone();
        Ok(Self { root, service, external: None, clock, entropy, ttl, capacity, held, flights, tally })
    }

    /// The same, where tenants may bring services of their own; without it, what those wrapped stays closed.
    pub fn with_external(self, external: Arc<dyn ExternalKeys>) -> Self {
        Self { external: Some(external), ..self }
    }

    /// The tenant's keys, if they were loaded within the TTL.
    pub fn cached(&self, tenant: TenantId) -> Option<Arc<TenantKeys>> {
        let now = self.clock.coarse();
        let mut held = self.held();
        let (loaded, keys) = held.tenants.get(&tenant)?;
        if self.is_fresh(*loaded, now) {
            return Some(keys.clone());
        }
        held.tenants.remove(&tenant);
        None
    }

    /// Begins to load a tenant's keys: before reading what is stored, so that what is forgotten meanwhile stays out.
    pub fn loading(&self, tenant: TenantId) -> Loading<'_> {
        Loading::new(self, tenant, self.clock.coarse(), self.held().forgotten)
    }

    /// Unwraps keys stored for a tenant that the deployment's service wraps, and keeps them. Where the service refuses, none stay.
    pub async fn load(&self, tenant: TenantId, stored: &[WrappedKey]) -> Result<Arc<TenantKeys>, Unloaded> {
        self.loading(tenant).unwrap(StoredKeys { keys: stored.to_vec(), ..StoredKeys::default() }).await
    }

    /// Makes the keys of a new tenant. They are not kept: they count from when they are stored, so load them
    /// then.
    pub async fn create(
        &self,
        tenant: TenantId,
        suite: Suite,
    ) -> Result<(TenantKeys, Vec<WrappedKey>), KeyError> {
        TenantKeys::create(tenant, &*self.service, suite, self.entropy.clone()).await
    }

    /// Makes the next version of a tenant's own key, under an `id` never used in this tenant and above that of the version before.
    /// Whoever wraps the tenant's key, at `external` or the deployment's, wraps it.
    pub async fn make_own(
        &self,
        tenant: TenantId,
        external: Option<&str>,
        (id, suite): (KeyId, Suite),
    ) -> Result<WrappedKey, KeyError> {
        let service = self.service_at(tenant, external).await?;
        let made = make_own(tenant, &*service, (id, suite), &*self.entropy).await?;
        Ok(made.1)
    }

    /// Makes the keys that a tenant was founded too early to have: [`TenantKeys::complete`]. None are kept, as with
    /// [`Self::create`].
    pub async fn complete(
        &self,
        tenant: TenantId,
        stored: &StoredKeys,
    ) -> Result<(TenantKeys, Vec<WrappedKey>), KeyError> {
        // Whoever made those made all that were missing.
        if let Some(later) = stored.later.first() {
            return Err(KeyError::Broken(later.id));
        }
        let service = self.service_at(tenant, stored.external.as_deref()).await?;
        TenantKeys::complete(tenant, &*service, &stored.keys, self.entropy.clone()).await
    }

    /// Drops the tenant's keys, and keeps out those being loaded now.
    pub fn forget(&self, tenant: TenantId) {
        self.flights.forget(tenant);
        let mut held = self.held();
        held.forgotten += 1;
        held.tenants.remove(&tenant);
    }

    /// Drops all keys, and keeps out those being loaded now: for whoever may have missed that some were to be forgotten.
    pub fn forget_all(&self) {
        self.flights.forget_all();
        let mut held = self.held();
        held.forgotten += 1;
        held.tenants.clear();
    }

    /// Drops the keys that were kept for the TTL: they are lent to nobody by then, and lie in memory until this is called.
    pub fn sweep(&self) {
        let now = self.clock.coarse();
        self.flights.sweep(now);
        self.held().tenants.retain(|_, (loaded, _)| self.is_fresh(*loaded, now));
    }

    /// The service that wraps the keys of the deployment, and of every tenant that brought none.
    pub fn service(&self) -> &dyn KeyService {
        &*self.service
    }

    /// The service that the tenant brought from `address`, or else the deployment's.
    pub(crate) async fn service_at(
        &self,
        tenant: TenantId,
        address: Option<&str>,
    ) -> Result<Arc<dyn KeyService>, ServiceError> {
        match (address, &self.external) {
            (None, _) => Ok(self.service.clone()),
            (Some(address), Some(external)) => external.at(tenant, address).await,
            (Some(_), None) => Err(ServiceError::Refused),
        }
    }

    pub(crate) async fn unwrap(
        &self,
        tenant: TenantId,
        stored: &StoredKeys,
    ) -> Result<Arc<TenantKeys>, KeyError> {
        let service = self.service_at(tenant, stored.external.as_deref()).await?;
        let keys = TenantKeys::load(tenant, &*service, &stored.keys, self.entropy.clone()).await?;
        keys.confirm(&stored.later)?;
        Ok(Arc::new(keys.counted_in(self.tally.clone(), &stored.sealed)))
    }

    /// Drops what is held of a tenant whose key was refused, unless that is news of before it was forgotten.
    pub(crate) fn refused(&self, tenant: TenantId, forgotten: u64) {
        let mut held = self.held();
        if held.forgotten == forgotten {
            held.tenants.remove(&tenant);
        }
    }

    pub(crate) fn keep(&self, asked: Duration, forgotten: u64, keys: Arc<TenantKeys>) {
        self.sweep();
        let mut held = self.held();
        if held.forgotten != forgotten {
            return;
        }
        if held.tenants.len() >= self.capacity && !held.tenants.contains_key(&keys.tenant()) {
            let oldest =
                held.tenants.iter().min_by_key(|(_, (loaded, _))| *loaded).map(|(tenant, _)| *tenant);
            oldest.and_then(|oldest| held.tenants.remove(&oldest));
        }
        held.tenants.insert(keys.tenant(), (asked, keys));
    }

    /// A clock set back makes keys stale, never young.
    fn is_fresh(&self, loaded: Duration, now: Duration) -> bool {
        now.checked_sub(loaded).is_some_and(|age| age < self.ttl)
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

redacted!(Keyring);

/// Why there is no such ring.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// Not above zero, or above a minute.
    #[error("keys must be kept for at most 60 seconds, and for more than none")]
    Ttl,
    /// No room for a single tenant.
    #[error("a ring must have room for one tenant")]
    Capacity,
}
