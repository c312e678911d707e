use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ward::crypto::{ExternalKeys, KeyService, ServiceError};
use ward::kernel::{TenantId, Uuid};

use super::reach::{KeyAddress, Reach};
use crate::config::{KeyAt, KeySettings};

/// Services that are remembered, so that one that is out of reach is left alone whoever asks for it.
const MOST: usize = 10_000;

/// What tenants may bring: the addresses that the settings allow, and never one of the deployment's own keys.
pub(super) struct Brought {
    reach: Reach,
    patterns: Vec<String>,
    own: Vec<String>,
    open: Mutex<HashMap<String, Arc<dyn KeyService>>>,
}

impl Brought {
    pub(super) fn new(reach: Reach, settings: &KeySettings) -> Self {
        let beside = settings.beside.iter().filter_map(|at| match at {
            KeyAt::Service(address) => Some(address.clone()),
            KeyAt::File(_) => None,
        });
        let own = settings.root.iter().cloned().chain(beside);
        let own = own.filter_map(|own| Some(own.parse::<KeyAddress>().ok()?.to_string())).collect();
        Self { reach, patterns: settings.tenants.clone(), own, open: Mutex::default() }
    }

    fn may_bring(&self, tenant: TenantId, address: &str) -> bool {
        let tenant = Uuid::from(tenant).to_string();
        let is_own = self.own.iter().any(|own| own == address);
        !is_own && self.patterns.iter().any(|pattern| fits(&pattern.replace("{tenant}", &tenant), address))
    }

    fn find(&self, address: KeyAddress) -> Result<Arc<dyn KeyService>, ServiceError> {
        let name = address.to_string();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(service) = open.get(&name) {
            return Ok(service.clone());
        }
        let service = self.reach.at(address).map_err(|_| ServiceError::Refused)?;
        if open.len() >= MOST {
            open.retain(|_, service| Arc::strong_count(service) > 1);
        }
        open.insert(name, service.clone());
        Ok(service)
    }
}

#[async_trait]
impl ExternalKeys for Brought {
    async fn at(&self, tenant: TenantId, address: &str) -> Result<Arc<dyn KeyService>, ServiceError> {
        let address: KeyAddress = address.parse().map_err(|_| ServiceError::Refused)?;
        if self.may_bring(tenant, &address.to_string()) {
            self.find(address)
        } else {
            Err(ServiceError::Refused)
        }
    }
}

fn fits(pattern: &str, address: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(begin) => address.starts_with(begin),
        None => address == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ward_system::System;

    const KEY: &str =
        "aws-kms:arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn brought(root: Option<&str>, patterns: &[&str]) -> Brought {
        let tenants = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let settings = KeySettings { root: root.map(str::to_owned), tenants, ..KeySettings::default() };
        Brought::new(Reach::new(&settings, Arc::new(System)).unwrap(), &settings)
    }

    fn tenant(n: u128) -> TenantId {
        Uuid::from_u128(n).into()
    }

    #[tokio::test]
    async fn a_tenant_brings_what_the_settings_allow_and_nothing_else() {
        for (patterns, may) in [
            (&[][..], false),
            (&[KEY], true),
            (&["aws-kms:arn:aws:kms:eu-central-1:*"], true),
            (&["aws-kms:arn:aws:kms:eu-central-1:"], false),
            (&["aws-kms:arn:aws:kms:us-east-1:*"], false),
            (&["pkcs11:*", KEY], true),
        ] {
            assert_eq!(brought(None, patterns).at(tenant(1), KEY).await.is_ok(), may, "{patterns:?}");
        }
    }

    #[tokio::test]
    async fn a_pattern_may_name_who_brings_the_key() {
        let of = |n: u128| format!("{}{}", &KEY[..KEY.len() - 36], Uuid::from_u128(n));
        let brought = brought(None, &["aws-kms:arn:aws:kms:eu-central-1:111122223333:key/{tenant}"]);
        assert!(brought.at(tenant(7), &of(7)).await.is_ok());
        assert!(brought.at(tenant(7), &of(8)).await.is_err());
    }

    #[tokio::test]
    async fn the_deployments_own_key_is_nobodys_to_bring() {
        assert!(brought(Some(KEY), &["*"]).at(tenant(1), KEY).await.is_err());
        let (own, otherwise) = ("pkcs11:token=T;object=root", "pkcs11:object=%72oot;token=T");
        for address in [own, otherwise].map(|address| address.parse::<KeyAddress>().unwrap().to_string()) {
            assert!(!brought(Some(otherwise), &["*"]).may_bring(tenant(1), &address));
        }
    }

    #[tokio::test]
    async fn what_is_no_address_leads_nowhere_and_a_service_is_opened_once() {
        let brought = brought(None, &["*"]);
        for wrong in
            ["", "locker:a", "aws-kms:arn:aws:kms:x", "pkcs11:token=a;object=b", "file:///etc/passwd"]
        {
            assert!(matches!(brought.at(tenant(1), wrong).await, Err(ServiceError::Refused)), "{wrong}");
        }
        let [first, second] =
            [brought.at(tenant(1), KEY).await.unwrap(), brought.at(tenant(2), KEY).await.unwrap()];
        assert!(Arc::ptr_eq(&first, &second));
    }
}
