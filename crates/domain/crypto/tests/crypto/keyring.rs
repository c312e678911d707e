//! Unwrapped keys live for a minute, and for no more tenants than there is room for.

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use chrono::TimeDelta;
use futures::executor::block_on;
use ward_crypto::{
    KeyError, KeyService, Keyring, KeyringError, LocalKeys, ServiceError, StoredKeys, Suite, TenantKey,
    WrappedKey,
};
use ward_kernel::TenantId;

use crate::support::{Fault, HandClock, Switched, created, local, os, tenant};

struct Ring {
    ring: Keyring,
    clock: Arc<HandClock>,
    service: Arc<Switched>,
}

fn ring(ttl: TimeDelta, capacity: usize) -> Ring {
    let (clock, service) = (HandClock::new(), Switched::new());
    let ring = Keyring::new(service.clone(), clock.clone(), os(), ttl, capacity).unwrap();
    Ring { ring, clock, service }
}

impl Ring {
    fn stored(&self, n: u128) -> Vec<WrappedKey> {
        created(n, &*self.service, Suite::default()).1
    }

    fn load(&self, n: u128) {
        block_on(self.ring.load(tenant(n), &self.stored(n))).unwrap();
    }

    fn holds(&self, n: u128) -> bool {
        self.ring.cached(tenant(n)).is_some()
    }
}

#[test]
fn keys_are_kept_for_a_minute_at_most() {
    let make = |ttl, capacity| Keyring::new(Switched::new(), HandClock::new(), os(), ttl, capacity).err();
    assert_eq!(make(Keyring::LONGEST, 1), None);
    assert_eq!(make(Keyring::LONGEST + TimeDelta::nanoseconds(1), 1), Some(KeyringError::Ttl));
    assert_eq!(make(TimeDelta::zero(), 1), Some(KeyringError::Ttl));
    assert_eq!(make(TimeDelta::seconds(-1), 1), Some(KeyringError::Ttl));
    assert_eq!(make(Keyring::LONGEST, 0), Some(KeyringError::Capacity));
}

#[test]
fn a_revoked_root_is_obeyed_within_the_ttl() {
    let ring = ring(TimeDelta::seconds(30), 4);
    let stored = ring.stored(1);
    assert!(!ring.holds(1));
    let keys = block_on(ring.ring.load(tenant(1), &stored)).unwrap();
    let watched = Arc::downgrade(&keys);
    drop(keys);
    ring.service.set(Some(Fault::Down));
    ring.clock.advance(TimeDelta::milliseconds(29_999));
    assert!(ring.holds(1));
    ring.clock.advance(TimeDelta::milliseconds(1));
    assert!(!ring.holds(1));
    assert!(watched.upgrade().is_none(), "expired keys must be dropped, not only hidden");
    let again = block_on(ring.ring.load(tenant(1), &stored));
    assert!(matches!(again.unwrap_err().why(), KeyError::Service(_)));
    assert!(!ring.holds(1));
}

#[test]
fn a_refusal_drops_what_is_held_at_once() {
    let ring = ring(Keyring::LONGEST, 4);
    let stored = ring.stored(1);
    block_on(ring.ring.load(tenant(1), &stored)).unwrap();
    ring.service.set(Some(Fault::Revoked));
    assert!(ring.holds(1));
    assert!(block_on(ring.ring.load(tenant(1), &stored)).is_err());
    assert!(!ring.holds(1));
}

#[test]
fn a_refusal_to_who_began_before_keys_were_forgotten_drops_none_that_came_since() {
    let ring = ring(Keyring::LONGEST, 4);
    let stored = StoredKeys { keys: ring.stored(1), ..StoredKeys::default() };
    let loading = ring.ring.loading(tenant(1));
    ring.ring.forget(tenant(1));
    block_on(ring.ring.load(tenant(1), &stored.keys)).unwrap();
    ring.service.set(Some(Fault::Revoked));
    assert!(block_on(loading.unwrap(stored)).is_err());
    assert!(ring.holds(1));
}

#[test]
fn a_service_out_of_reach_drops_nothing_that_is_held() {
    let ring = ring(Keyring::LONGEST, 4);
    let stored = ring.stored(1);
    block_on(ring.ring.load(tenant(1), &stored)).unwrap();
    ring.service.set(Some(Fault::Down));
    assert!(block_on(ring.ring.load(tenant(1), &stored)).is_err());
    assert!(ring.holds(1));
}

#[test]
fn a_clock_set_back_keeps_no_key_alive() {
    let ring = ring(Keyring::LONGEST, 4);
    ring.load(1);
    ring.clock.advance(TimeDelta::seconds(-1));
    assert!(!ring.holds(1));
}

#[test]
fn a_full_ring_drops_the_oldest() {
    let ring = ring(Keyring::LONGEST, 2);
    for n in 1..=3 {
        ring.load(n);
        ring.clock.advance(TimeDelta::seconds(1));
    }
    assert_eq!([1, 2, 3].map(|n| ring.holds(n)), [false, true, true]);
    ring.load(3);
    assert_eq!([2, 3].map(|n| ring.holds(n)), [true, true], "there was room for it already");
}

#[test]
fn a_sweep_and_whatever_is_kept_next_drop_what_nobody_asked_for_again() {
    for sweep in [|ring: &Ring| ring.ring.sweep(), |ring: &Ring| ring.load(2)] {
        let ring = ring(Keyring::LONGEST, 4);
        let keys = block_on(ring.ring.load(tenant(1), &ring.stored(1))).unwrap();
        let watched = Arc::downgrade(&keys);
        drop(keys);
        sweep(&ring);
        assert!(watched.upgrade().is_some());
        ring.clock.advance(Keyring::LONGEST);
        sweep(&ring);
        assert!(watched.upgrade().is_none());
    }
}

#[test]
fn forgotten_keys_are_gone_at_once_and_new_ones_wait_to_be_stored() {
    let ring = ring(Keyring::LONGEST, 4);
    ring.load(1);
    ring.load(2);
    ring.ring.forget(tenant(1));
    assert_eq!([1, 2].map(|n| ring.holds(n)), [false, true]);
    let (keys, stored) = block_on(ring.ring.create(tenant(3), Suite::Aes256Gcm)).unwrap();
    assert_eq!((keys.tenant(), stored.len()), (tenant(3), 9));
    assert!(!ring.holds(3));
}

/// A key service during whose answer somebody forgets the tenant.
struct Interrupted {
    real: LocalKeys,
    ring: OnceLock<Weak<Keyring>>,
}

#[async_trait]
impl KeyService for Interrupted {
    async fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError> {
        self.real.wrap(tenant, key).await
    }

    async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError> {
        if let Some(ring) = self.ring.get().and_then(Weak::upgrade) {
            ring.forget(tenant);
        }
        self.real.unwrap(tenant, wrapped).await
    }

    async fn check(&self) -> Result<(), ServiceError> {
        Ok(())
    }
}

#[test]
fn keys_forgotten_while_they_are_loaded_are_not_kept() {
    let service = Arc::new(Interrupted { real: local(), ring: OnceLock::new() });
    let stored = created(1, &*service, Suite::default()).1;
    let ring = Keyring::new(service.clone(), HandClock::new(), os(), Keyring::LONGEST, 4).unwrap();
    let ring = Arc::new(ring);
    service.ring.set(Arc::downgrade(&ring)).unwrap();
    assert!(block_on(ring.load(tenant(1), &stored)).is_ok());
    assert!(ring.cached(tenant(1)).is_none());
}
