//! One root after another.

use std::sync::Arc;

use futures::executor::block_on;
use ward_crypto::{Keyring, ServiceError, StoredKeys, Suite, TransferError, WrappedKey};

use crate::support::{Fault, HandClock, Switched, created, os, tenant};

fn ring(root: &Arc<Switched>) -> Keyring {
    Keyring::new(root.clone(), HandClock::new(), os(), Keyring::LONGEST, 4).unwrap()
}

fn stored(keys: Vec<WrappedKey>) -> StoredKeys {
    StoredKeys { keys, ..StoredKeys::default() }
}

fn with(stored: &StoredKeys, anew: &[WrappedKey]) -> StoredKeys {
    let anew_or = |key: &WrappedKey| anew.iter().find(|anew| anew.id == key.id).unwrap_or(key).clone();
    StoredKeys { keys: stored.keys.iter().map(anew_or).collect(), ..StoredKeys::default() }
}

#[test]
fn what_another_root_wrapped_opens_beside_it_and_is_wrapped_anew_once() {
    let (old, new) = (Switched::new(), Switched::new());
    let before = stored(created(1, &*old, Suite::default()).1);
    assert!(block_on(ring(&new).load(tenant(1), &before.keys)).is_err(), "a foreign root opened it");

    let following = ring(&new).beside(old.clone());
    block_on(following.load(tenant(1), &before.keys)).unwrap();
    let anew = block_on(following.follow_root(tenant(1), &before)).unwrap().unwrap();
    let after = with(&before, &anew);
    assert_ne!(before, after);
    assert_eq!(block_on(following.follow_root(tenant(1), &after)).unwrap(), None);

    // The old root is asked for nothing any more; a replica that still wraps by it knows the new one, too.
    old.set(Some(Fault::Revoked));
    block_on(ring(&new).load(tenant(1), &after.keys)).unwrap();
    block_on(following.load(tenant(1), &after.keys)).unwrap();
    old.set(None);
    block_on(ring(&old).beside(new).load(tenant(1), &after.keys)).unwrap();
}

#[test]
fn a_root_that_refuses_or_is_out_of_reach_is_not_replaced_by_the_other() {
    let (old, new) = (Switched::new(), Switched::new());
    let before = stored(created(1, &*old, Suite::default()).1);
    let following = ring(&new).beside(old.clone());
    let is_well = || block_on(following.service().check()).is_ok();
    for fault in [Fault::Revoked, Fault::Down] {
        new.set(Some(fault));
        assert!(!is_well());
        assert!(block_on(following.load(tenant(1), &before.keys)).is_err());
        let followed = block_on(following.follow_root(tenant(1), &before));
        assert!(matches!(followed, Err(TransferError::Held(_))), "{followed:?}");
    }
    new.set(None);
    old.set(Some(Fault::Down));
    assert!(is_well(), "nothing is wrapped by the other");
}

#[test]
fn a_root_that_gives_back_another_key_wraps_nothing_anew() {
    let (old, new) = (Switched::new(), Switched::new());
    let before = stored(created(1, &*old, Suite::default()).1);
    old.set(Some(Fault::OtherKey));
    let following = ring(&new).beside(old);
    let followed = block_on(following.follow_root(tenant(1), &before));
    assert!(matches!(followed, Err(TransferError::Held(_))), "{followed:?}");
}

#[test]
fn the_key_of_a_tenant_that_brought_its_own_stays_where_it_is() {
    let (old, new) = (Switched::new(), Switched::new());
    let brought =
        StoredKeys { external: Some("hsm:theirs".into()), ..stored(created(1, &*old, Suite::default()).1) };
    assert_eq!(block_on(ring(&new).beside(old).follow_root(tenant(1), &brought)).unwrap(), None);
}

#[test]
fn what_neither_root_wrapped_is_broken() {
    let foreign = stored(created(1, &*Switched::new(), Suite::default()).1);
    let following = ring(&Switched::new()).beside(Switched::new());
    let loaded = block_on(following.load(tenant(1), &foreign.keys)).map(drop).unwrap_err();
    assert!(matches!(loaded.why(), ward_crypto::KeyError::Service(ServiceError::Broken)), "{loaded:?}");
}
