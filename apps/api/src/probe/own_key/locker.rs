use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use ward::crypto::{ExternalKeys, InvalidKey, KeyService, LocalKeys, RootKey, ServiceError, TenantKey};
use ward::kernel::{Machine, TenantId};

/// A key service of a check's own, which can be taken away; its clones are the same service.
#[derive(Clone)]
pub(super) struct Locker {
    keys: Arc<LocalKeys>,
    withdrawn: Arc<AtomicBool>,
}

impl Locker {
    /// Where it is.
    pub(super) const ADDRESS: &str = "canary:locker";

    pub(super) fn new(machine: &Arc<dyn Machine>) -> Result<Self, InvalidKey> {
        let keys = Arc::new(LocalKeys::new(RootKey::random(&**machine)?, machine.clone()));
        Ok(Self { keys, withdrawn: Arc::default() })
    }

    /// From now on it says no.
    pub(super) fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::SeqCst);
    }

    fn open(&self) -> Result<&LocalKeys, ServiceError> {
        if self.withdrawn.load(Ordering::SeqCst) { Err(ServiceError::Refused) } else { Ok(&self.keys) }
    }
}

#[async_trait]
impl KeyService for Locker {
    async fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError> {
        self.open()?.wrap(tenant, key).await
    }

    async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError> {
        self.open()?.unwrap(tenant, wrapped).await
    }

    async fn check(&self) -> Result<(), ServiceError> {
        self.open()?.check().await
    }
}

#[async_trait]
impl ExternalKeys for Locker {
    async fn at(&self, _: TenantId, address: &str) -> Result<Arc<dyn KeyService>, ServiceError> {
        if address == Self::ADDRESS { Ok(Arc::new(self.clone())) } else { Err(ServiceError::Refused) }
    }
}
