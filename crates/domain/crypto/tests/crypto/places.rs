//! A sealed value opens where it was sealed, as it was sealed, and nowhere else.

use std::collections::HashSet;
use std::sync::Arc;

use ward_crypto::{KeyId, OpenError, Sealed, SubjectKey, Suite, Vault};
use ward_kernel::{Entity, Indexer, Place, Sealer, Uuid};

use crate::support::{HandClock, SUITES, created, email, local, one_key, receipt, subject, tenant};

fn open(key: &SubjectKey, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let clock = HandClock::new();
    let column: &'static str = place.column.to_owned().leak();
    let receipt = receipt(place.tenant, place.row, &[column], &clock);
    Vault::new(clock).open(key, place, sealed, &receipt).map(|clear| clear.as_bytes().to_vec())
}

#[test]
fn a_value_opens_at_its_own_place_only() {
    for suite in SUITES {
        let service = local();
        let row = |n| Uuid::from_u128(n);
        let key_of = |n, id: u32| {
            created(n, &service, suite).0.make_subject_key(KeyId::from(id), subject(1)).unwrap().0
        };
        // One key for each (tenant, key id); what differs besides is the place.
        let keys = [(1, 64), (1, 65), (2, 64), (2, 65)].map(|(n, id)| (n, key_of(n, id)));
        let mut all = Vec::new();
        for (n, key) in &keys {
            for table in ["subject", "record"] {
                for column in ["email", "phone"] {
                    for id in [1, 2] {
                        let place = Place { tenant: tenant(*n), row: Entity::new(table, row(id)), column };
                        all.push((key, place, key.seal(place, b"ada@example.org").unwrap()));
                    }
                }
            }
        }
        assert_eq!(all.len(), 32);
        for (i, (key, place, _)) in all.iter().enumerate() {
            for (j, (.., sealed)) in all.iter().enumerate() {
                let opened = open(key, *place, &sealed.bytes);
                assert_eq!(opened.is_ok(), i == j, "{suite:?}: {i} at {j}: {opened:?}");
            }
        }
    }
}

/// What a sealed value is bound to, by name; the key's version is the id of the key.
const BOUND: [&str; 5] = ["tenant", "table", "column", "row", "version"];

/// One of two spots that differ in whatever `differs` has a bit for, as [`BOUND`] orders them.
fn spot(differs: usize) -> (u128, u32, Entity, &'static str) {
    let other = |at: usize| differs >> at & 1 == 1;
    let (tenant, version) = (if other(0) { 2 } else { 1 }, if other(4) { 65 } else { 64 });
    let table = if other(1) { "record" } else { "subject" };
    let row = Entity::new(table, Uuid::from_u128(if other(3) { 2 } else { 1 }));
    (tenant, version, row, if other(2) { "phone" } else { "email" })
}

fn names(differs: usize) -> String {
    let named = BOUND.iter().enumerate().filter(|(at, _)| differs >> at & 1 == 1);
    named.map(|(_, name)| *name).collect::<Vec<_>>().join(" and ")
}

/// Alone, in pairs, and all further ones together: both ways, as it lies and with its header made to name the key that is tried.
#[test]
fn a_value_swapped_with_that_of_another_spot_opens_at_neither() {
    for suite in SUITES {
        let (service, mut pairs) = (local(), 0);
        let keys = [1, 2].map(|n| created(n, &service, suite).0);
        let versions: Vec<_> = [(0, 64), (0, 65), (1, 64), (1, 65)]
            .map(|(n, id): (usize, u32)| keys[n].make_subject_key(KeyId::from(id), subject(1)).unwrap().0)
            .into();
        let at = |differs| {
            let (n, version, row, column) = spot(differs);
            let key = &versions[(n as usize - 1) * 2 + (version as usize - 64)];
            (key, Place { tenant: tenant(n), row, column })
        };
        let here = at(0);
        for differs in 1..1 << BOUND.len() {
            let there = at(differs);
            for ((key, place), (other, elsewhere)) in [(here, there), (there, here)] {
                let sealed = other.seal(elsewhere, b"ada@example.org").unwrap().bytes;
                let mut renamed = sealed.clone();
                renamed[2..6].copy_from_slice(&u32::from(key.id()).to_be_bytes());
                assert_eq!(open(other, elsewhere, &sealed).unwrap(), b"ada@example.org");
                assert!(open(key, place, &sealed).is_err(), "{suite:?}: {}", names(differs));
                assert_eq!(
                    open(key, place, &renamed),
                    Err(OpenError::Forged),
                    "{suite:?}: {}",
                    names(differs)
                );
            }
            pairs += usize::from(differs.count_ones() == 2);
        }
        assert_eq!(pairs, 10);
    }
}

#[test]
fn a_secret_swapped_with_that_of_another_spot_opens_at_neither() {
    for suite in SUITES {
        let service = local();
        let keys = [1, 2].map(|n| created(n, &service, suite).0);
        let at = |differs| {
            let (n, _, row, column) = spot(differs);
            (keys[n as usize - 1].queue(), Place { tenant: tenant(n), row, column })
        };
        let (key, place) = at(0);
        let here = key.seal(place, b"job").unwrap();
        assert_eq!(key.open(place, &here).unwrap().as_bytes(), b"job");
        for differs in 1..1 << 4 {
            let (other, elsewhere) = at(differs);
            let there = other.seal(elsewhere, b"job").unwrap();
            assert!(key.open(place, &there).is_err(), "{suite:?}: {}", names(differs));
            assert!(other.open(elsewhere, &here).is_err(), "{suite:?}: {}", names(differs));
        }
        let mut renamed = keys[0].audit().seal(place, b"job").unwrap();
        renamed[2..6].copy_from_slice(&here[2..6]);
        assert!(key.open(place, &renamed).is_err(), "{suite:?}: one purpose for another");
    }
}

#[test]
fn a_value_of_one_suite_does_not_open_as_of_the_other() {
    for (suite, other) in [SUITES, [SUITES[1], SUITES[0]]].map(|[suite, other]| (suite, other)) {
        let (_, key) = one_key(suite);
        let mut sealed = key.seal(email(1), b"ada@example.org").unwrap().bytes;
        sealed[1] = other as u8;
        assert_eq!(open(&key, email(1), &sealed), Err(OpenError::Forged));
    }
}

#[test]
fn a_row_is_sealed_as_its_values_are_each_under_a_nonce_of_its_own() {
    for suite in SUITES {
        let (_, key) = one_key(suite);
        let columns = ["email", "phone", "city"].map(|column| (column, b"the same".as_slice()));
        let sealed = key.seal_row(tenant(1), email(1).row, &columns).unwrap();
        let nonces: HashSet<_> = sealed.iter().map(|sealed| &sealed.bytes[6..18]).collect();
        assert_eq!(nonces.len(), columns.len(), "{suite:?}");
        for ((column, text), sealed) in columns.iter().zip(&sealed) {
            assert_eq!(open(&key, Place { column, ..email(1) }, &sealed.bytes), Ok(text.to_vec()));
        }
        assert!(key.seal_row(tenant(2), email(2).row, &columns).is_err());
    }
}

#[test]
fn a_value_renamed_to_another_key_does_not_open_under_it() {
    let (keys, key) = one_key(Suite::default());
    let (other, _) = keys.make_subject_key(KeyId::from(65), subject(1)).unwrap();
    let mut sealed = key.seal(email(1), b"ada@example.org").unwrap().bytes;
    assert_eq!(open(&other, email(1), &sealed), Err(OpenError::OtherKey(key.id())));
    sealed[2..6].copy_from_slice(&65_u32.to_be_bytes());
    assert_eq!(open(&other, email(1), &sealed), Err(OpenError::Forged));
}

#[test]
fn a_key_seals_nothing_for_another_tenant() {
    let (keys, key) = one_key(Suite::default());
    assert!(key.seal(email(2), b"x").is_err());
    assert!(keys.audit().seal(email(2), b"x").is_err());
}

#[test]
fn parts_that_run_together_are_not_the_same_place() {
    let (_, key) = one_key(Suite::default());
    let at = |table, column| Place { tenant: tenant(1), row: Entity::new(table, Uuid::nil()), column };
    let sealed = key.seal(at("ab", "c"), b"x").unwrap();
    assert_eq!(open(&key, at("a", "bc"), &sealed.bytes), Err(OpenError::Forged));
    assert_eq!(open(&key, at("abc", ""), &sealed.bytes), Err(OpenError::Forged));
    assert_eq!(open(&key, at("ab", "c"), &sealed.bytes).unwrap(), b"x");
}

#[test]
fn no_bit_and_no_byte_of_a_sealed_value_can_change() {
    for suite in SUITES {
        let (keys, key) = one_key(suite);
        let sealed = key.seal(email(1), b"ada@example.org").unwrap().bytes;
        let secret = keys.queue().seal(email(1), b"ada@example.org").unwrap();
        assert_eq!(open(&key, email(1), &sealed).unwrap(), b"ada@example.org");
        for length in 0..sealed.len() {
            assert!(open(&key, email(1), &sealed[..length]).is_err(), "{suite:?}: cut to {length}");
            assert!(open(&key, email(1), &sealed[length + 1..]).is_err(), "{suite:?}: cut after {length}");
        }
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&key, email(1), &flipped).is_err(), "{suite:?}: bit {bit}");
            let mut flipped = secret.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(keys.queue().open(email(1), &flipped).is_err(), "{suite:?}: bit {bit} of a secret");
        }
        let longer = [&sealed[..], &[0]].concat();
        assert_eq!(open(&key, email(1), &longer), Err(OpenError::Forged));
    }
}

#[test]
fn a_version_or_a_suite_not_known_is_refused() {
    let (_, key) = one_key(Suite::default());
    let sealed = key.seal(email(1), b"x").unwrap().bytes;
    for (place, bytes) in [(0, [0, 2, 255]), (1, [0, 3, 255])] {
        for byte in bytes {
            let mut other = sealed.clone();
            other[place] = byte;
            assert!(Sealed::parse(&other).is_err(), "{place}: {byte}");
        }
    }
    let parsed = Sealed::parse(&sealed).unwrap();
    assert_eq!((parsed.suite(), parsed.key(), parsed.as_bytes()), (key.suite(), key.id(), &sealed[..]));
}

#[test]
fn a_value_grows_by_at_most_48_bytes() {
    for (suite, grows) in SUITES.into_iter().zip([46, 34]) {
        let (_, key) = one_key(suite);
        for length in (0..300).chain([4096, 65_537, 1 << 20]) {
            let text = vec![b'x'; length];
            let sealed = key.seal(email(1), &text).unwrap();
            assert_eq!(sealed.bytes.len() - length, grows);
            assert!(grows <= 48);
            assert_eq!(open(&key, email(1), &sealed.bytes).unwrap(), text);
        }
    }
}

#[test]
fn the_same_value_never_seals_to_the_same_bytes() {
    const MANY: usize = 100_000;
    let (_, key) = one_key(Suite::Aes256Gcm);
    let (mut nonces, mut commitments) = (HashSet::new(), HashSet::new());
    for _ in 0..MANY {
        let sealed = key.seal(email(1), b"F").unwrap();
        nonces.insert(<[u8; 12]>::try_from(&sealed.bytes[6..18]).unwrap());
        commitments.insert(sealed.commitment.0);
    }
    assert_eq!((nonces.len(), commitments.len()), (MANY, MANY));
}

#[test]
fn nothing_of_the_text_shows_in_what_is_stored() {
    let (keys, key) = one_key(Suite::default());
    let text = b"Augusta Ada King, Countess of Lovelace";
    let sealed = key.seal(email(1), text).unwrap();
    let secret = keys.queue().seal(email(1), text).unwrap();
    for stored in [&sealed.bytes[..], &sealed.commitment.0, &secret] {
        assert!(!text.windows(4).any(|part| stored.windows(4).any(|at| at == part)));
    }
}

#[test]
fn an_index_is_of_its_value_column_and_tenant() {
    let service = local();
    let [one, other] = [1, 2].map(|n| created(n, &service, Suite::default()).0);
    let (index, elsewhere) = (one.index(), other.index());
    let of = |column, value: &str| index.index(column, value.as_bytes());
    assert_eq!(of("email", "ada@example.org"), of("email", "ada@example.org"));
    assert_ne!(of("email", "ada@example.org"), of("email", "ada@example.com"));
    assert_ne!(of("email", "ada@example.org"), of("phone", "ada@example.org"));
    assert_ne!(of("ab", "c"), of("a", "bc"));
    assert_ne!(of("email", "ada@example.org"), elsewhere.index("email", b"ada@example.org"));
    let shared: Arc<dyn Indexer> = one.index();
    assert_eq!(shared.index("email", b"x"), of("email", "x"));
}
