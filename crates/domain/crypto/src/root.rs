use std::sync::Arc;

use async_trait::async_trait;
use ward_kernel::TenantId;

use crate::material::redacted;
use crate::{
    KeyPurpose, KeyService, Keyring, ServiceError, StoredKeys, TenantKey, TransferError, WrappedKey,
};

impl Keyring {
    /// The same, beside another root: what that one wrapped is unwrapped too, and nothing is wrapped by it.
    pub fn beside(mut self, other: Arc<dyn KeyService>) -> Self {
        self.service = Arc::new(Succession { root: self.root.clone(), other });
        self
    }

    /// Has the root wrap a tenant's own key that another [wrapped before](Self::beside): what is to be stored, as with
    /// [`transfer`](Self::transfer). Nothing, if the root wrapped every version itself, or the tenant brought a service of its own.
    pub async fn follow_root(
        &self,
        tenant: TenantId,
        stored: &StoredKeys,
    ) -> Result<Option<Vec<WrappedKey>>, TransferError> {
        if stored.external.is_some() {
            return Ok(None);
        }
        for key in stored.keys.iter().filter(|key| key.purpose == KeyPurpose::Tenant) {
            match self.root.unwrap(tenant, &key.bytes).await {
                Ok(_) => {}
                Err(ServiceError::Broken) => return self.transfer(tenant, stored, None).await.map(Some),
                Err(error) => return Err(TransferError::Held(error.into())),
            }
        }
        Ok(None)
    }
}

/// A root, and another that it follows or is followed by.
struct Succession {
    root: Arc<dyn KeyService>,
    other: Arc<dyn KeyService>,
}

#[async_trait]
impl KeyService for Succession {
    async fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError> {
        self.root.wrap(tenant, key).await
    }

    /// The other is asked for nothing but what the root says it didn't wrap: a root that refuses, or is out of reach, is obeyed.
    async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError> {
        match self.root.unwrap(tenant, wrapped).await {
            Err(ServiceError::Broken) => self.other.unwrap(tenant, wrapped).await,
            unwrapped => unwrapped,
        }
    }

    async fn check(&self) -> Result<(), ServiceError> {
        self.root.check().await
    }
}

redacted!(Succession);
