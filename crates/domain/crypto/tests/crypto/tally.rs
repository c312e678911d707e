//! How many messages a key sealed.

use chrono::TimeDelta;
use futures::executor::block_on;
use ward_crypto::{Keyring, Sealings, Suite};
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
    keys.make_version(ward_crypto::KeyPurpose::Queue, 99.into()).unwrap();
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

#[test]
fn a_key_bears_two_to_the_thirty_first_messages() {
    assert_eq!(Keyring::MOST_MESSAGES, 2_147_483_648);
}
