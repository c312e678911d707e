use std::sync::Arc;

use async_trait::async_trait;
use ward::crypto::{ExternalKeys, KeyService, ServiceError};
use ward::kernel::{Machine, TenantId};

use crate::machine::System;

/// What a server has beside its settings: a machine to run on, and the key services that tenants may bring.
#[derive(Clone)]
pub struct Around {
    /// Time, ids and randomness.
    pub machine: Arc<dyn Machine>,
    /// What tenants may bring.
    pub external: Arc<dyn ExternalKeys>,
}

impl Default for Around {
    /// This machine, where nobody may bring a key.
    fn default() -> Self {
        Self { machine: Arc::new(System), external: Arc::new(Nowhere) }
    }
}

/// No key service may be brought.
struct Nowhere;

#[async_trait]
impl ExternalKeys for Nowhere {
    async fn at(&self, _: TenantId, _: &str) -> Result<Arc<dyn KeyService>, ServiceError> {
        Err(ServiceError::Refused)
    }
}
