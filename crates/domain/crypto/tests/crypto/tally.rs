//! How many messages a key sealed.

use chrono::TimeDelta;
use futures::executor::block_on;
use ward_crypto::{KeyPurpose, Keyring, Sealings, StoredKeys, Suite, TenantKeys};
use ward_kernel::Place;

use crate::support::{HandClock, Switched, created, os, subject, tenant};

const PLACE: &str = "job.payload";

fn place() -> Place<'static> {
    Place { tenant: tenant(1), row: subject(1).into(), column: PLACE }
}

#[test]
fn what_a_bounded_suite_seals_is_counted_once_wherever_its_keys_are_by_then() {
    let (clock, service) = (HandClock::new(), Switched::new());
    let ring = Keyring::new(service.clone(), clock.clone(), os(), Keyring::LONGEST, 4).unwrap();
    let stored = created(1, &*service, Suite::Aes256Gcm).1;
    let keys = block_on(ring.load(tenant(1), &stored)).unwrap();
    assert_eq!(ring.take_sealings(), []);

    let queue = keys.queue().id();
    (0..3).for_each(|_| drop(keys.queue().seal(place(), b"work").unwrap()));
    let three = Sealings { tenant: tenant(1), key: queue, messages: 3 };
    assert_eq!(ring.take_sealings(), [three]);
    assert_eq!(ring.take_sealings(), [], "the same messages were counted twice");
    ring.give_back(&[three]);
    keys.queue().seal(place(), b"work").unwrap();
    assert_eq!(ring.take_sealings(), [Sealings { messages: 4, ..three }]);

    // Sealed by what the ring has let go since, and by its own key of the tenant.
    clock.advance(TimeDelta::seconds(61));
    ring.sweep();
    let sealing = [keys.audit(), keys.idempotency(), keys.queue()];
    sealing.iter().for_each(|key| drop(key.seal(place(), b"work").unwrap()));
    keys.make_version(KeyPurpose::Queue, 99.into()).unwrap();
    let used = [keys.own(), sealing[0].id(), sealing[1].id(), queue];
    drop(keys);
    let mut counted = ring.take_sealings();
    counted.sort_by_key(|of| of.key);
    let one = |key| Sealings { tenant: tenant(1), key, messages: 1 };
    assert_eq!(counted, used.map(one));
}

#[test]
fn what_a_suite_with_long_nonces_seals_is_not_counted() {
    let service = Switched::new();
    let ring = Keyring::new(service.clone(), HandClock::new(), os(), Keyring::LONGEST, 4).unwrap();
    let stored = created(1, &*service, Suite::XChaCha20Poly1305).1;
    let keys = block_on(ring.load(tenant(1), &stored)).unwrap();
    keys.queue().seal(place(), b"work").unwrap();
    drop(keys);
    assert_eq!(ring.take_sealings(), []);
}

/// Keys of `suite`, loaded where the one for queued work had sealed so many messages by then, and how many its ring counts when they are gone.
fn having_sealed(suite: Suite, sealed: u64, work: impl FnOnce(&TenantKeys)) -> Vec<Sealings> {
    let service = Switched::new();
    let ring = Keyring::new(service.clone(), HandClock::new(), os(), Keyring::LONGEST, 4).unwrap();
    let keys = created(1, &*service, suite).1;
    let queue = keys.iter().find(|key| key.purpose == KeyPurpose::Queue).unwrap().id;
    let stored = StoredKeys { keys, sealed: vec![(queue, sealed)], ..StoredKeys::default() };
    work(&block_on(ring.loading(tenant(1)).unwrap(stored)).unwrap());
    ring.take_sealings()
}

#[test]
fn a_key_is_spent_at_three_quarters_of_what_its_suite_bears_and_at_all_of_it_seals_nothing() {
    let seals = |keys: &TenantKeys| keys.queue().seal(place(), b"work").is_ok();
    let counted = having_sealed(Suite::Aes256Gcm, Keyring::LAST_MESSAGES - 1, |keys| {
        assert_eq!(keys.spent(), None);
        assert!(seals(keys));
        assert_eq!(keys.spent(), Some(keys.queue().id()));
        assert!(seals(keys), "what has another key follow it must go on");
    });
    assert_eq!(
        counted.iter().map(|of| of.messages).collect::<Vec<_>>(),
        [2],
        "what was sealed before was told"
    );

    having_sealed(Suite::Aes256Gcm, (1 << 32) - 1, |keys| {
        assert!(seals(keys));
        assert!(!seals(keys) && !seals(keys));
        assert!(keys.idempotency().seal(place(), b"answer").is_ok(), "another key is another");
    });
    having_sealed(Suite::XChaCha20Poly1305, 1 << 33, |keys| assert!(seals(keys) && keys.spent().is_none()));
}

#[test]
fn what_keys_sealed_makes_no_others_of_them() {
    let sealed = |messages| StoredKeys { sealed: vec![(7.into(), messages)], ..StoredKeys::default() };
    assert_eq!(sealed(1), sealed(2));
}

#[test]
fn a_key_bears_two_to_the_thirty_first_messages() {
    assert_eq!(Keyring::MOST_MESSAGES, 2_147_483_648);
}
