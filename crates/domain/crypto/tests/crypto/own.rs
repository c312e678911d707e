//! Keys that a tenant brought: how one service follows another, and how often one is asked.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use chrono::TimeDelta;
use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::{join, join_all};
use ward_crypto::{
    ExternalKeys, KeyError, KeyPurpose, KeyService, Keyring, ServiceError, StoredKeys, Suite, TenantKey,
    TransferError, WrappedKey,
};
use ward_kernel::{Entity, Place, TenantId};

use crate::support::{Fault, HandClock, SUITES, Switched, created, os, tenant};

const THEIRS: &str = "hsm:theirs";

/// Services by address, of which tenant 1 may bring any.
#[derive(Default)]
struct Brought(Mutex<HashMap<String, Arc<dyn KeyService>>>);

#[async_trait]
impl ExternalKeys for Brought {
    async fn at(&self, of: TenantId, address: &str) -> Result<Arc<dyn KeyService>, ServiceError> {
        let known = self.0.lock().unwrap().get(address).cloned();
        known.filter(|_| of == tenant(1)).ok_or(ServiceError::Refused)
    }
}

/// A service that answers later than it is asked, and counts.
struct Slow {
    real: Arc<Switched>,
    asked: AtomicUsize,
}

#[async_trait]
impl KeyService for Slow {
    async fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError> {
        self.real.wrap(tenant, key).await
    }

    async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        for _ in 0..3 {
            Later(false).await;
        }
        self.real.unwrap(tenant, wrapped).await
    }

    async fn check(&self) -> Result<(), ServiceError> {
        self.real.check().await
    }
}

/// Lets others have a turn.
struct Later(bool);

impl Future for Later {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

struct World {
    ring: Keyring,
    clock: Arc<HandClock>,
    ours: Arc<Switched>,
    theirs: Arc<Switched>,
    slow: Arc<Slow>,
    stored: StoredKeys,
}

fn world() -> World {
    let (clock, ours, theirs) = (HandClock::new(), Switched::new(), Switched::new());
    let slow = Arc::new(Slow { real: ours.clone(), asked: AtomicUsize::new(0) });
    let brought = Arc::new(Brought::default());
    brought.0.lock().unwrap().insert(THEIRS.to_owned(), theirs.clone());
    let ring = Keyring::new(slow.clone(), clock.clone(), os(), Keyring::LONGEST, 4).unwrap();
    let keys = created(1, &*ours, Suite::default()).1;
    let stored = StoredKeys { keys, ..StoredKeys::default() };
    World { ring: ring.with_external(brought), clock, ours, theirs, slow, stored }
}

impl World {
    async fn load(&self, stored: &StoredKeys) -> Result<Arc<ward_crypto::TenantKeys>, ward_crypto::Unloaded> {
        self.ring.loading(tenant(1)).unwrap(stored.clone()).await
    }

    fn asked(&self) -> usize {
        self.slow.asked.load(Ordering::Relaxed)
    }

    fn transfer(&self, stored: &StoredKeys, to: Option<&str>) -> Result<StoredKeys, TransferError> {
        let wrapped = block_on(self.ring.transfer(tenant(1), stored, to))?;
        let mut keys = stored.keys.clone();
        for new in wrapped {
            keys.retain(|key| key.id != new.id);
            keys.push(new);
        }
        Ok(StoredKeys { external: to.map(str::to_owned), keys, ..StoredKeys::default() })
    }
}

#[test]
fn a_key_is_the_same_whoever_wraps_it() {
    let world = world();
    let place = Place { tenant: tenant(1), row: Entity::from(tenant(1)), column: "note" };
    let sealed = block_on(world.load(&world.stored)).unwrap().audit().seal(place, b"a word").unwrap();

    let theirs = world.transfer(&world.stored, Some(THEIRS)).unwrap();
    let differing: Vec<_> = theirs.keys.iter().filter(|key| !world.stored.keys.contains(key)).collect();
    assert_eq!(differing.iter().map(|key| key.purpose).collect::<Vec<_>>(), [KeyPurpose::Tenant]);
    world.ring.forget(tenant(1));
    world.ours.set(Some(Fault::Revoked)); // it has no part in it any more
    let keys = block_on(world.load(&theirs)).unwrap();
    assert_eq!(keys.audit().open(place, &sealed).unwrap().as_bytes(), b"a word");

    world.ours.set(None);
    let back = world.transfer(&theirs, None).unwrap();
    world.ring.forget(tenant(1));
    world.theirs.set(Some(Fault::Revoked));
    let keys = block_on(world.load(&back)).unwrap();
    assert_eq!(keys.audit().open(place, &sealed).unwrap().as_bytes(), b"a word");
}

#[test]
fn nothing_is_handed_to_a_service_that_does_not_prove_itself() {
    let world = world();
    for (fault, expected) in [
        (Fault::Revoked, "Refused"),
        (Fault::Garbage, "Refused"),
        (Fault::OtherKey, "Refused"),
        (Fault::Down, "Unavailable"),
    ] {
        world.theirs.set(Some(fault));
        let failed = world.transfer(&world.stored, Some(THEIRS)).unwrap_err();
        assert!(format!("{failed:?}").starts_with(expected), "{fault:?}: {failed:?}");
    }
    world.theirs.set(None);
    assert!(matches!(world.transfer(&world.stored, Some("hsm:others")), Err(TransferError::Forbidden)));
    world.ours.set(Some(Fault::Down));
    assert!(matches!(world.transfer(&world.stored, Some(THEIRS)), Err(TransferError::Held(_))));
    world.ours.set(Some(Fault::OtherKey));
    let other = world.transfer(&world.stored, Some(THEIRS));
    assert!(matches!(other, Err(TransferError::Held(KeyError::Broken(_)))));
    let none = StoredKeys::default();
    assert!(matches!(world.transfer(&none, Some(THEIRS)), Err(TransferError::Held(KeyError::Missing(_)))));
}

#[test]
fn a_ring_without_other_services_opens_nothing_of_theirs() {
    let world = world();
    let theirs = world.transfer(&world.stored, Some(THEIRS)).unwrap();
    let ring = Keyring::new(world.ours.clone(), world.clock.clone(), os(), Keyring::LONGEST, 4).unwrap();
    let refused = block_on(ring.loading(tenant(1)).unwrap(theirs.clone())).unwrap_err();
    assert!(matches!(refused.why(), KeyError::Service(ServiceError::Refused)));
    assert!(block_on(ring.ask(tenant(1), &theirs)).is_err());
    assert!(block_on(world.ring.ask(tenant(1), &theirs)).is_ok());
    world.theirs.set(Some(Fault::Revoked));
    assert!(block_on(world.ring.ask(tenant(1), &theirs)).is_err());
}

#[test]
fn a_key_is_made_only_where_its_service_gives_it_back() {
    let world = world();
    for fault in [Fault::Garbage, Fault::OtherKey] {
        world.ours.set(Some(fault));
        let made = block_on(world.ring.make_own(tenant(1), None, (20.into(), Suite::default())));
        assert!(made.is_err(), "{fault:?}");
        assert!(block_on(world.ring.create(tenant(2), Suite::default())).is_err(), "{fault:?}");
    }
}

#[test]
fn whoever_wraps_the_newest_key_of_a_tenant_is_asked_for_that_one() {
    let world = world();
    let mut stored = world.stored.clone();
    let newest = block_on(world.ring.make_own(tenant(1), None, (20.into(), Suite::default()))).unwrap();
    stored.keys[0].bytes.clear();
    stored.keys.push(newest);
    assert!(block_on(world.ring.ask(tenant(1), &stored)).is_ok());
    stored.keys.pop();
    assert!(block_on(world.ring.ask(tenant(1), &stored)).is_err());
}

#[test]
fn all_who_ask_at_once_are_answered_by_one_call() {
    let world = world();
    let all = join_all((0..100).map(|_| world.load(&world.stored)));
    let loaded = block_on(all);
    assert!(loaded.iter().all(Result::is_ok));
    assert_eq!(world.asked(), 1);

    world.ring.forget(tenant(1));
    world.ours.set(Some(Fault::Down));
    let all = block_on(join_all((0..100).map(|_| world.load(&world.stored))));
    assert!(all.iter().all(Result::is_err));
    assert_eq!(world.asked(), 2);
}

#[test]
fn whoever_gives_up_leaves_their_turn_to_the_next() {
    let world = world();
    let mut first = Box::pin(world.load(&world.stored));
    let mut second = Box::pin(world.load(&world.stored));
    assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
    drop(first);
    assert!(block_on(second).is_ok());
    assert_eq!(world.asked(), 2);
}

#[test]
fn a_service_that_says_no_is_not_asked_again_for_a_second() {
    let world = world();
    world.ours.set(Some(Fault::Revoked));
    assert!(block_on(world.load(&world.stored)).is_err());
    world.ours.set(None);
    world.clock.advance(TimeDelta::milliseconds(999));
    assert!(block_on(world.load(&world.stored)).is_err());
    assert_eq!(world.asked(), 1);
    world.clock.advance(TimeDelta::milliseconds(1));
    world.ring.sweep();
    assert!(block_on(world.load(&world.stored)).is_ok());

    world.ours.set(Some(Fault::Revoked));
    assert!(block_on(world.load(&world.stored)).is_err());
    world.ours.set(None);
    world.ring.forget(tenant(1)); // the key changed, so the answer may
    assert!(block_on(world.load(&world.stored)).is_ok());
    world.ours.set(Some(Fault::Revoked));
    assert!(block_on(world.load(&world.stored)).is_err());
    world.ours.set(None);
    world.clock.advance(TimeDelta::seconds(-5)); // a clock set back makes nobody wait
    assert!(block_on(world.load(&world.stored)).is_ok());
}

/// A service that is never reached, each time for the same reason.
struct Unreachable(Arc<io::Error>);

impl Unreachable {
    fn why<T>(&self) -> Result<T, ServiceError> {
        Err(ServiceError::Unavailable(Box::new(self.0.clone())))
    }
}

#[async_trait]
impl KeyService for Unreachable {
    async fn wrap(&self, _: TenantId, _: &TenantKey) -> Result<Vec<u8>, ServiceError> {
        self.why()
    }

    async fn unwrap(&self, _: TenantId, _: &[u8]) -> Result<TenantKey, ServiceError> {
        self.why()
    }

    async fn check(&self) -> Result<(), ServiceError> {
        self.why()
    }
}

#[test]
fn a_sweep_drops_what_failed_once_nobody_is_told_any_more() {
    let (clock, why) = (HandClock::new(), Arc::new(io::Error::other("connection refused")));
    let service = Arc::new(Unreachable(why.clone()));
    let ring = Keyring::new(service, clock.clone(), os(), Keyring::LONGEST, 4).unwrap();
    let kept_after_a_sweep = || {
        ring.sweep();
        Arc::strong_count(&why)
    };
    let before = kept_after_a_sweep();
    assert!(block_on(ring.load(tenant(1), &created(1, &*Switched::new(), Suite::default()).1)).is_err());
    assert_eq!(kept_after_a_sweep(), before + 1);
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(kept_after_a_sweep(), before);
}

#[test]
fn what_is_forgotten_meanwhile_is_asked_for_anew_and_whoever_began_before_is_not_kept() {
    let world = world();
    let mut before = Box::pin(world.load(&world.stored));
    assert!(before.as_mut().now_or_never().is_none());
    world.ring.forget_all();
    let mut after = Box::pin(world.load(&world.stored));
    assert!(after.as_mut().now_or_never().is_none());
    assert_eq!(world.asked(), 2, "nobody waits for what began before");
    assert!(block_on(before).is_ok());
    let (after, last) = block_on(join(after, world.load(&world.stored)));
    assert!(after.is_ok() && last.is_ok());
    assert_eq!(world.asked(), 2, "what began before answers nobody who asks afterwards");
    assert!(world.ring.cached(tenant(1)).is_some());

    for forget in [Keyring::forget_all, |ring: &Keyring| ring.forget(tenant(1))] {
        let loading = world.ring.loading(tenant(1));
        forget(&world.ring); // while what is stored is being read
        assert!(block_on(loading.unwrap(world.stored.clone())).is_ok());
        assert!(world.ring.cached(tenant(1)).is_none());
    }
}

#[test]
fn a_tenants_suite_is_told_by_what_its_own_key_wraps() {
    let suite_of = |keys: &[WrappedKey]| StoredKeys { keys: keys.to_vec(), ..StoredKeys::default() }.suite();
    for suite in SUITES {
        let mut keys = created(1, &*Switched::new(), suite).1;
        assert_eq!((suite_of(&keys), suite_of(&keys[..1])), (Some(suite), None));
        keys[1].bytes.clear();
        assert_eq!(suite_of(&keys), None);
    }
}

#[test]
fn who_brings_something_else_does_not_wait_for_the_same_answer() {
    let world = world();
    let theirs = world.transfer(&world.stored, Some(THEIRS)).unwrap();
    world.ours.set(Some(Fault::Revoked));
    let (old, new) = block_on(join(world.load(&world.stored), world.load(&theirs)));
    assert!(old.is_err() && new.is_ok());
}
