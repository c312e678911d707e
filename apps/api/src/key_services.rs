//! The key services that the settings name: the root, another beside it, and what tenants may bring.

use std::sync::Arc;

use ward::crypto::{ExternalKeys, KeyService, LocalKeys, RootKey};
use ward::kernel::Machine;

use crate::config::{Config, KeyAt};
use crate::machine::System;
use crate::root_key;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Who wraps tenants' keys.
pub(crate) struct KeyServices {
    /// The deployment's own.
    pub(crate) root: Arc<dyn KeyService>,
    /// One whose work it takes over, or who takes over its own.
    pub(crate) beside: Option<Arc<dyn KeyService>>,
    /// What tenants may bring.
    pub(crate) brought: Option<Arc<dyn ExternalKeys>>,
}

impl KeyServices {
    /// Those of `config`. Reads files, and asks no service yet: what can't be reached now may be later.
    pub(crate) fn open(config: &Config, machine: &Arc<dyn Machine>) -> Result<Self, Failure> {
        let local = |key| Arc::new(LocalKeys::new(key, machine.clone())) as Arc<dyn KeyService>;
        let beside = match &config.keys.beside {
            None => None,
            Some(KeyAt::File(file)) => Some(local(root_key::beside(config, file)?)),
            Some(KeyAt::Service(_)) => return Err("not yet".into()),
        };
        Ok(Self { root: local(root_key::load(config, &System)?), beside, brought: None })
    }

    /// Whether [`Self::open`] would succeed; makes nothing.
    pub(crate) fn check(config: &Config) -> Result<(), Failure> {
        root_key::check(config, &System)?;
        if let Some(KeyAt::File(file)) = &config.keys.beside {
            root_key::beside(config, file)?;
        }
        Ok(())
    }

    /// A root that nobody has seen, for what needs one and wraps nothing.
    pub(crate) fn unconnected(machine: &Arc<dyn Machine>) -> Result<Self, Failure> {
        let root = Arc::new(LocalKeys::new(RootKey::random(&System)?, machine.clone()));
        Ok(Self { root, beside: None, brought: None })
    }
}
