use std::sync::Arc;

use async_trait::async_trait;
use ward_kernel::TenantId;

use crate::{KeyService, ServiceError};

/// Port: the key services that tenants bring, each at an address of its own such as `aws-kms:arn:…` or `pkcs11:…`.
///
/// What is behind an address wraps that tenant's key alone, and is asked anew whenever the tenant's keys are loaded:
/// a tenant that takes its key back is obeyed within [`Keyring::LONGEST`](crate::Keyring::LONGEST).
#[async_trait]
pub trait ExternalKeys: Send + Sync {
    /// The service at `address`, for `tenant` and nobody else. [`ServiceError::Refused`] where no tenant may bring
    /// such a key here, or not this tenant this key.
    async fn at(&self, tenant: TenantId, address: &str) -> Result<Arc<dyn KeyService>, ServiceError>;
}
