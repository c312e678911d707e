use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use ward::kernel::TenantId;

/// Exports that may be under way here at once: of one tenant, and of all of them.
const OF_TENANT: usize = 4;
const OF_ALL: usize = 32;

/// Who exports: each export holds pages in memory for as long as it is read.
pub(crate) struct Places {
    all: Arc<Semaphore>,
    tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

/// A place among those who export, for as long as this lives.
#[must_use]
pub(super) struct Place {
    _of_tenant: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Default for Places {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(OF_ALL)), tenants: Mutex::default() }
    }
}

impl Places {
    /// A place for `tenant`, if there is one: nobody waits for it.
    pub(super) fn take(&self, tenant: TenantId) -> Option<Place> {
        let of_tenant = self.places_of(tenant).try_acquire_owned().ok()?;
        let of_all = self.all.clone().try_acquire_owned().ok()?;
        Some(Place { _of_tenant: of_tenant, _of_all: of_all })
    }

    fn places_of(&self, tenant: TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        // Who has a place holds on to its tenant's.
        tenants.retain(|of, places| *of == tenant || Arc::strong_count(places) > 1);
        tenants.entry(tenant).or_insert_with(|| Arc::new(Semaphore::new(OF_TENANT))).clone()
    }
}

#[cfg(test)]
mod tests {
    use ward::kernel::{TenantId, Uuid};

    use super::{OF_ALL, OF_TENANT, Places};

    fn tenant(n: usize) -> TenantId {
        Uuid::from_u128(n as u128).into()
    }

    #[test]
    fn a_tenant_has_so_many_places_and_takes_none_of_anothers() {
        let places = Places::default();
        let mut held: Vec<_> = (0..OF_TENANT).map(|_| places.take(tenant(1)).unwrap()).collect();
        assert!(places.take(tenant(1)).is_none());
        assert!(places.take(tenant(2)).is_some());
        held.pop();
        assert!(places.take(tenant(1)).is_some(), "who ends makes room");
        drop(held);
        let _other = places.take(tenant(3)).unwrap();
        assert_eq!(places.tenants.lock().unwrap().len(), 1, "who exports nothing is forgotten");
    }

    #[test]
    fn all_tenants_together_have_so_many_places() {
        let places = Places::default();
        let mut held: Vec<_> = (0..OF_ALL).map(|n| places.take(tenant(n)).unwrap()).collect();
        assert!(places.take(tenant(OF_ALL)).is_none());
        held.pop();
        let taken: Vec<_> = (0..OF_TENANT).map_while(|_| places.take(tenant(OF_ALL))).collect();
        assert_eq!(taken.len(), 1, "what was refused holds no place");
    }
}
