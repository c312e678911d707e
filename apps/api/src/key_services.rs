//! The key services that the settings name: the root, another beside it, and what tenants may bring.

mod brought;
mod reach;

use std::sync::Arc;

use ward::crypto::{ExternalKeys, KeyService, LocalKeys, RootKey};
use ward::kernel::Machine;

use crate::config::{Config, KeyAt};
use crate::root_key;
use brought::Brought;
use reach::Reach;
use ward_system::System;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Who wraps tenants' keys.
pub(crate) struct KeyServices {
    /// The deployment's own.
    pub(crate) root: Arc<dyn KeyService>,
    /// One whose work it takes over, or who takes over its own.
    pub(crate) beside: Option<Arc<dyn KeyService>>,
    /// What tenants may bring.
    pub(crate) brought: Arc<dyn ExternalKeys>,
}

impl KeyServices {
    /// Those of `config`. Reads files, and asks no service yet: what can't be reached now may be later.
    pub(crate) fn open(config: &Config, machine: &Arc<dyn Machine>) -> Result<Self, Failure> {
        let reach = Reach::new(&config.keys, machine.clone())?;
        let local = |key| Arc::new(LocalKeys::new(key, machine.clone())) as Arc<dyn KeyService>;
        let root = match &config.keys.root {
            Some(address) => opened(&reach, "WARD_ROOT_KEY", address)?,
            None => local(root_key::load(config, &System)?),
        };
        let beside = match &config.keys.beside {
            None => None,
            Some(KeyAt::File(file)) => Some(local(root_key::beside(config, file)?)),
            Some(KeyAt::Service(address)) => Some(opened(&reach, "WARD_ROOT_KEY_BESIDE", address)?),
        };
        Ok(Self { root, beside, brought: Arc::new(Brought::new(reach, &config.keys)) })
    }

    /// Whether [`Self::open`] would succeed; makes nothing.
    pub(crate) fn check(config: &Config, machine: &Arc<dyn Machine>) -> Result<(), Failure> {
        match config.keys.root {
            None if config.root_key_file.is_none() => root_key::check(config, &System).map_err(Failure::from),
            _ => Self::open(config, machine).map(drop),
        }
    }

    /// A root that nobody has seen, for what needs one and wraps nothing.
    pub(crate) fn unconnected(config: &Config, machine: &Arc<dyn Machine>) -> Result<Self, Failure> {
        let root = Arc::new(LocalKeys::new(RootKey::random(&System)?, machine.clone()));
        let reach = Reach::new(&config.keys, machine.clone())?;
        Ok(Self { root, beside: None, brought: Arc::new(Brought::new(reach, &config.keys)) })
    }
}

fn opened(reach: &Reach, setting: &str, address: &str) -> Result<Arc<dyn KeyService>, Failure> {
    let opened = address.parse().and_then(|address| reach.at(address));
    opened.map_err(|error| format!("`{setting}`: {error}").into())
}
