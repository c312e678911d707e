use ward::crypto::{KeyError, Keyring, ServiceError, StoredKeys, Suite};

use super::canary::{A, B};
use super::{ProbeError, Seen};
use crate::app::App;

const HERE: &str = "The root key lies in a file of this machine, and in no key management service.";
const BESIDE: &str = "A root key in a file of this machine still unwraps what it wrapped: `ward-api follow-root-key` has the service wrap all of \
                      it, and then that key can go.";

/// C1: whoever holds the root answers, and gives what it wrapped to the tenant that it wrapped it for.
pub(super) async fn root_key(app: &App) -> Result<Seen, ProbeError> {
    let wrong = match tried(app.store.keyring(), app.profile.suite).await {
        Ok(wrong) => wrong,
        Err(KeyError::Service(error)) => vec![format!("{error}, when the root was asked")],
        Err(error) => return Err(ProbeError::Canary(Box::new(error))),
    };
    let holder = if app.rooted_elsewhere { "The key service" } else { "This process" };
    let observed = format!(
        "{holder} wrapped a key under the root for one test customer, unwrapped the same key for it, and refused it to another; the key was \
         thrown away."
    );
    let caveat = if app.rooted_elsewhere { app.beside_here.then_some(BESIDE) } else { Some(HERE) };
    Ok(Seen::unless(wrong, 4, observed).but(caveat))
}

/// What is wrong with the root. The key is made for this, and nowhere stored.
async fn tried(ring: &Keyring, suite: Suite) -> Result<Vec<String>, KeyError> {
    ring.service().check().await?;
    // What is made is unwrapped again before it counts.
    let (_, keys) = match ring.create(A, suite).await {
        Err(error @ (KeyError::Broken(_) | KeyError::Service(ServiceError::Broken))) => {
            return Ok(vec![format!("what the root wrapped isn't what it unwraps: {error}")]);
        }
        made => made?,
    };
    let stored = StoredKeys { keys, ..StoredKeys::default() };
    let mut wrong = Vec::new();
    match ring.ask(B, &stored).await {
        Ok(()) => wrong.push("the root unwraps the key of one customer for another".to_owned()),
        Err(KeyError::Service(error @ ServiceError::Unavailable(_))) => return Err(error.into()),
        Err(_) => {}
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use ward::crypto::{KeyService, LocalKeys, RootKey, TenantKey};
    use ward::kernel::TenantId;

    use super::*;
    use ward_system::System;

    enum Fault {
        None,
        /// Every tenant is the same to it.
        Lax,
        /// It gives another key than it was given.
        Lying,
        Refusing,
        Away,
    }

    struct Faulty(LocalKeys, Fault);

    #[async_trait]
    impl KeyService for Faulty {
        async fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError> {
            self.0.wrap(if matches!(self.1, Fault::Lax) { A } else { tenant }, key).await
        }

        async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError> {
            match self.1 {
                Fault::Lax => self.0.unwrap(A, wrapped).await,
                Fault::Lying => {
                    let other: Vec<u8> = (1..=33).collect();
                    TenantKey::from_clear(&other).map_err(|_| ServiceError::Broken)
                }
                Fault::Away => Err(ServiceError::Unavailable("timed out".into())),
                Fault::None | Fault::Refusing => self.0.unwrap(tenant, wrapped).await,
            }
        }

        async fn check(&self) -> Result<(), ServiceError> {
            if matches!(self.1, Fault::Refusing) { Err(ServiceError::Refused) } else { Ok(()) }
        }
    }

    async fn try_with(fault: Fault) -> Result<Vec<String>, KeyError> {
        let machine = Arc::new(System);
        let root = LocalKeys::new(RootKey::random(&System).unwrap(), machine.clone());
        let service = Arc::new(Faulty(root, fault));
        let ring = Keyring::new(service, machine.clone(), machine, Keyring::LONGEST, 1).unwrap();
        tried(&ring, Suite::Aes256Gcm).await
    }

    #[tokio::test]
    async fn a_root_that_knows_no_tenants_lies_refuses_or_is_away_is_found_out() {
        assert_eq!(try_with(Fault::None).await.unwrap(), Vec::<String>::new());
        let lax = try_with(Fault::Lax).await.unwrap();
        assert!(lax.len() == 1 && lax[0].contains("for another"), "{lax:?}");
        let lying = try_with(Fault::Lying).await.unwrap();
        assert!(lying.len() == 1 && lying[0].contains("isn't what it unwraps"), "{lying:?}");
        for fault in [Fault::Refusing, Fault::Away] {
            assert!(matches!(try_with(fault).await, Err(KeyError::Service(_))));
        }
    }
}
