use std::sync::Arc;

use ward::crypto::ExternalKeys;
use ward::kernel::Machine;

use ward_system::System;

/// What a server has beside its settings.
#[derive(Clone)]
pub struct Around {
    /// Time, ids and randomness.
    pub machine: Arc<dyn Machine>,
    /// The key services that tenants may bring, in place of those that the settings allow.
    pub external: Option<Arc<dyn ExternalKeys>>,
}

impl Default for Around {
    /// This machine.
    fn default() -> Self {
        Self { machine: Arc::new(System), external: None }
    }
}
