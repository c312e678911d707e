//! Keys that follow others.

use futures::executor::block_on;
use ward_crypto::{
    KeyError, KeyId, KeyPurpose, KeyService, Keyring, OpenError, PresentedToken, Suite, TenantKeys,
    TokenPurpose, TurnError, Vault, WrappedKey,
};
use ward_kernel::{Clock as _, Commitment, Indexer as _, SealedBytes, Sealer as _};

use crate::support::{HandClock, SUITES, created, email, local, one_key, os, receipt, subject, tenant};

const PURPOSES: [KeyPurpose; 7] = [
    KeyPurpose::Index,
    KeyPurpose::Audit,
    KeyPurpose::Idempotency,
    KeyPurpose::Queue,
    KeyPurpose::ApiKey,
    KeyPurpose::Import,
    KeyPurpose::Token,
];

/// A person whose key was followed `times` times, with a value that was sealed before.
struct Followed {
    keys: TenantKeys,
    first: WrappedKey,
    current: WrappedKey,
    left: Vec<WrappedKey>,
    sealed: Vec<u8>,
    commitment: Commitment,
}

fn followed(suite: Suite, times: u32) -> Followed {
    let (keys, _) = created(1, &local(), suite);
    let (key, first) = keys.make_subject_key(KeyId::FIRST_SUBJECT, subject(1)).unwrap();
    let SealedBytes { bytes: mut sealed, commitment } = key.seal(email(1), b"ada").unwrap();
    let (mut current, mut left) = (first.clone(), Vec::new());
    for n in 1..=times {
        let id = KeyId::from(u32::from(KeyId::FIRST_SUBJECT) + n);
        let (turn, [new, of_old]) = keys.follow(&current, id).unwrap();
        sealed = turn.reseal(email(1), &sealed).unwrap().unwrap();
        assert_eq!(turn.reseal(email(1), &sealed), Ok(None), "it is under the new key already");
        left.push(of_old);
        current = new;
    }
    Followed { keys, first, current, left, sealed, commitment }
}

impl Followed {
    fn confirms(&self, left: &[WrappedKey], text: &[u8]) -> bool {
        let key = self.keys.subject_key(&self.current, left).unwrap();
        let clock = HandClock::new();
        let receipt = receipt(tenant(1), subject(1), &["email"], &clock);
        let vault = Vault::new(clock);
        assert_eq!(vault.open(&key, email(1), &self.sealed, &receipt).unwrap().as_bytes(), b"ada");
        vault.confirm(&key, (email(1), &self.sealed), text, self.commitment, &receipt).unwrap()
    }
}

#[test]
fn what_a_followed_key_sealed_opens_under_the_last_and_its_commitments_stay_true() {
    for (suite, times) in SUITES.into_iter().flat_map(|suite| [1, 2, 3].map(|times| (suite, times))) {
        let person = followed(suite, times);
        assert!(person.confirms(&person.left, b"ada"));
        assert!(!person.confirms(&person.left, b"bob"));
        assert!(
            !person.confirms(&person.left[1..], b"ada"),
            "nothing else checks what the first key committed to"
        );
    }
}

#[test]
fn what_is_left_of_a_followed_key_opens_nothing() {
    let person = followed(Suite::default(), 1);
    let [left] = &person.left[..] else { panic!() };
    assert_eq!((left.id, left.purpose), (person.first.id, KeyPurpose::Commitment));
    let posing = WrappedKey { purpose: KeyPurpose::Subject, ..left.clone() };
    let foreign = WrappedKey { subject: Some(subject(2)), ..left.clone() };
    for key in [left, &posing, &foreign] {
        assert!(matches!(person.keys.subject_key(key, &[]), Err(KeyError::Broken(_))));
    }
    let (_, other) = person.keys.make_subject_key(KeyId::from(70), subject(2)).unwrap();
    let (_, [_, left_by_another]) = person.keys.follow(&other, KeyId::from(71)).unwrap();
    for key in [&posing, &foreign, &left_by_another, &person.first] {
        let with = person.keys.subject_key(&person.current, std::slice::from_ref(key));
        assert!(matches!(with, Err(KeyError::Broken(_))));
    }
}

#[test]
fn a_turn_moves_nothing_and_takes_nothing_that_its_key_did_not_seal() {
    let (keys, _) = created(1, &local(), Suite::default());
    let (key, old) = keys.make_subject_key(KeyId::FIRST_SUBJECT, subject(1)).unwrap();
    let (other, _) = keys.make_subject_key(KeyId::from(65), subject(2)).unwrap();
    let (turn, _) = keys.follow(&old, KeyId::from(66)).unwrap();
    let sealed = key.seal(email(1), b"ada").unwrap().bytes;
    let resealed = turn.reseal(email(1), &sealed).unwrap().unwrap();

    let phone = ward_kernel::Place { column: "phone", ..email(1) };
    let strange = other.seal(email(1), b"ada").unwrap().bytes;
    for (place, bytes) in [(phone, &sealed), (email(2), &sealed), (phone, &resealed), (email(1), &strange)] {
        assert_eq!(turn.reseal(place, bytes), Err(TurnError::Forged));
    }
    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert!(turn.reseal(email(1), &altered).is_err(), "{at}");
    }
    let clock = HandClock::new();
    let receipt = receipt(tenant(1), subject(1), &["email"], &clock);
    let opened = Vault::new(clock).open(&key, email(1), &resealed, &receipt);
    assert_eq!(opened.unwrap_err(), OpenError::OtherKey(KeyId::from(66)));
    assert!(matches!(keys.follow(&old, KeyId::from(63)), Err(KeyError::Reserved(_))));
}

#[test]
fn a_value_is_indexed_anew_if_it_is_text_that_has_an_index_and_was_sealed_there() {
    let (keys, key) = one_key(Suite::default());
    let seal = |text: &[u8]| key.seal(email(1), text).unwrap().bytes;
    let indexer = keys.index();
    let of = |place, sealed: &[u8]| {
        key.index((place, sealed), (&*indexer, "email"), |indexer, about, text| {
            (text != "none").then(|| indexer.index(about, text.as_bytes()))
        })
    };
    assert_eq!(of(email(1), &seal(b"ada")), Ok(indexer.index("email", b"ada")));
    let phone = ward_kernel::Place { column: "phone", ..email(1) };
    assert_eq!(of(phone, &seal(b"ada")), Err(TurnError::Forged));
    assert_eq!(of(email(1), &seal(b"none")), Err(TurnError::Forged));
    assert_eq!(of(email(1), &seal(&[0xff])), Err(TurnError::Forged));
    assert!(matches!(of(email(1), b"ada"), Err(TurnError::Malformed(_))));
}

/// The keys of tenant 1 with a second version of each purpose's.
fn with_versions(known: bool) -> (TenantKeys, TenantKeys) {
    let service = local();
    let (keys, mut stored) = created(1, &service, Suite::default());
    stored.iter_mut().for_each(|key| key.known = true);
    for (n, purpose) in PURPOSES.into_iter().enumerate() {
        let made = keys.make_version(purpose, KeyId::from(20 + n as u32)).unwrap();
        stored.push(WrappedKey { known, ..made });
    }
    (keys, block_on(TenantKeys::load(tenant(1), &service, &stored, os())).unwrap())
}

#[test]
fn a_new_version_serves_for_what_is_new_from_when_it_is_known_and_the_old_one_for_what_names_it() {
    for known in [false, true] {
        let (before, after) = with_versions(known);
        for (old, new) in [
            (before.audit(), after.audit()),
            (before.idempotency(), after.idempotency()),
            (before.queue(), after.queue()),
        ] {
            let sealed = old.seal(email(1), b"job").unwrap();
            assert_eq!(new.open(email(1), &sealed).unwrap().as_bytes(), b"job");
            assert_eq!(new.id() != old.id(), known);
            let resealed = new.reseal(email(1), &sealed).unwrap();
            assert_eq!(resealed.is_some(), known);
            if let Some(resealed) = resealed {
                assert_eq!(new.open(email(1), &resealed).unwrap().as_bytes(), b"job");
                assert!(old.open(email(1), &resealed).is_err());
                assert_eq!(new.reseal(email(1), &resealed).unwrap(), None);
            }
        }
        for (old, new) in [
            (before.leaf(), after.leaf()),
            (before.request(), after.request()),
            (before.api_key(), after.api_key()),
            (before.import(), after.import()),
        ] {
            assert!(new.is_of(b"text", &old.digest(b"text")));
            assert!(!new.is_of(b"other", &old.digest(b"text")));
            assert_eq!(new.digest(b"text") != old.digest(b"text"), known);
            let all = new.digests(b"text");
            assert_eq!((all.len(), all[0]), (2, new.digest(b"text")));
            assert!(all.contains(&old.digest(b"text")));
        }
        let (old, new) = (before.token(), after.token());
        let link = old.sign(TokenPurpose::Reset, b"id", None).unwrap();
        let presented = PresentedToken::parse(link.as_str()).unwrap();
        assert_eq!(new.verify(TokenPurpose::Reset, &presented, HandClock::new().now()), Ok(&b"id"[..]));
        assert_eq!(new.id() != old.id(), known);
        let link = new.sign(TokenPurpose::Reset, b"id", None).unwrap();
        let presented = PresentedToken::parse(link.as_str()).unwrap();
        assert_eq!(presented.key(), new.id());
        let (old, new) = (before.index(), after.index());
        assert_eq!(new.index("email", b"ada") != old.index("email", b"ada"), known);
        let all = new.indexes("email", b"ada");
        assert_eq!((all.len(), all[0]), (2, new.index("email", b"ada")));
        assert!(all.contains(&old.index("email", b"ada")));
        assert!(!old.is_turning() && new.is_turning());
        let address = [192, 0, 2, 7].into();
        assert_eq!(before.address_word(address), after.address_word(address), "entries keep their words");
    }
}

#[test]
fn of_versions_of_which_none_is_known_the_oldest_serves() {
    let service = local();
    let (keys, mut stored) = created(1, &service, Suite::default());
    stored.push(keys.make_version(KeyPurpose::Queue, KeyId::from(20)).unwrap());
    let loaded = block_on(TenantKeys::load(tenant(1), &service, &stored, os())).unwrap();
    assert_eq!(loaded.queue().id(), keys.queue().id());
}

#[test]
fn versions_are_made_for_purposes_alone() {
    let (keys, _) = created(1, &local(), Suite::default());
    for purpose in [KeyPurpose::Tenant, KeyPurpose::Subject, KeyPurpose::Log, KeyPurpose::Commitment] {
        let made = keys.make_version(purpose, KeyId::from(20));
        assert!(matches!(made, Err(KeyError::Unversioned(of)) if of == purpose), "{purpose:?}");
    }
}

#[test]
fn all_keys_move_under_the_next_key_of_the_tenant_and_stay_what_they_are() {
    let service = local();
    let (keys, mut stored) = created(1, &service, Suite::default());
    let (key, wrapped) = keys.make_subject_key(KeyId::FIRST_SUBJECT, subject(1)).unwrap();
    let sealed = key.seal(email(1), b"ada").unwrap();
    let secret = keys.queue().seal(email(1), b"job").unwrap();
    stored.push(wrapped);
    stored.push(keys.make_log_key(KeyId::from(21), HandClock::new().now()).unwrap().1);

    let service: std::sync::Arc<dyn KeyService> = std::sync::Arc::new(service);
    let ring = Keyring::new(service.clone(), HandClock::new(), os(), Keyring::LONGEST, 1).unwrap();
    let own = block_on(ring.make_own(tenant(1), None, (KeyId::from(20), Suite::default()))).unwrap();
    let load = |stored: &[WrappedKey]| block_on(TenantKeys::load(tenant(1), &*service, stored, os()));
    stored[..5].iter_mut().for_each(|key| key.known = true);
    stored.push(own);
    assert_eq!(load(&stored).unwrap().own(), stored[0].id, "nobody else may have it yet");
    stored.last_mut().unwrap().known = true;
    let both = load(&stored).unwrap();
    assert_eq!(both.own(), KeyId::from(20));

    let mut anew = Vec::new();
    for key in &stored {
        let moved = both.rewrap(key).unwrap();
        assert_eq!(moved.is_none(), key.purpose == KeyPurpose::Tenant);
        let moved = moved.unwrap_or(key.clone());
        let bytes = key.bytes.clone();
        assert_eq!(WrappedKey { bytes, ..moved.clone() }, *key, "nothing but its wrapping changes");
        anew.push(moved);
    }
    anew.remove(0);
    assert!(anew.iter().all(|key| both.rewrap(key).unwrap().is_none()));
    assert!(anew[..8].iter().all(|key| key.wrapped_by().is_none_or(|by| by == KeyId::from(20))));
    let after = load(&anew).unwrap();
    assert_eq!(after.queue().open(email(1), &secret).unwrap().as_bytes(), b"job");
    let wrapped = anew.iter().find(|key| key.subject.is_some()).unwrap();
    let clock = HandClock::new();
    let receipt = receipt(tenant(1), subject(1), &["email"], &clock);
    let key = after.subject_key(wrapped, &[]).unwrap();
    let clear = Vault::new(clock).open(&key, email(1), &sealed.bytes, &receipt).unwrap();
    assert_eq!(clear.as_bytes(), b"ada");
    assert!(matches!(load(&stored[1..]), Err(KeyError::Broken(_))), "they are still under the old one");
}
