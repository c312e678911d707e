//! Where keys come from, and what is not one.

use std::collections::HashSet;
use std::sync::Arc;

use futures::executor::block_on;
use ward_crypto::{
    InvalidKey, KeyError, KeyId, KeyPurpose, KeyService, PresentedToken, RootKey, ServiceError, StoredKeys,
    Suite, TenantKeys, TokenPurpose, WrappedKey,
};
use ward_kernel::{Clock as _, Entropy, Indexer, Sealer, TenantId};

use crate::support::{
    Fault, HandClock, Os, SUITES, Switched, created, email, local, one_key, os, receipt, subject, tenant,
};

fn load(n: u128, service: &dyn KeyService, stored: &[WrappedKey]) -> Result<TenantKeys, KeyError> {
    block_on(TenantKeys::load(tenant(n), service, stored, os()))
}

#[test]
fn a_root_key_is_32_random_bytes_or_nothing() {
    let raw: Vec<u8> = (0..32).map(|n| n * 7 + 3).collect();
    let hex = hex::encode(&raw);
    let parsed = RootKey::parse(&raw).unwrap();
    assert_eq!(*parsed.to_hex(), hex);
    let typed = RootKey::parse(format!(" {}\r\n", hex.to_uppercase()).as_bytes()).unwrap();
    assert_eq!(*typed.to_hex(), hex);
    assert_ne!(*RootKey::random(&Os).unwrap().to_hex(), hex);

    let refused = |file: &[u8]| RootKey::parse(file).unwrap_err();
    for length in (0..100).filter(|length| *length != 32) {
        let file: Vec<u8> = raw.iter().cycle().copied().take(length).collect();
        assert_eq!(refused(&file), InvalidKey::Length, "{length}");
    }
    assert_eq!(refused(&hex.as_bytes()[2..]), InvalidKey::Length);
    assert_eq!(refused(format!("{hex}00").as_bytes()), InvalidKey::Length);
    assert_eq!(refused(format!("g{}", &hex[1..]).as_bytes()), InvalidKey::Length);
    for byte in 0..=255_u8 {
        let typed = byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        let expected = if typed { InvalidKey::Text } else { InvalidKey::Repeats };
        assert_eq!(refused(&[byte; 32]), expected, "{byte}");
        assert_eq!(refused(format!("{byte:02x}").repeat(32).as_bytes()), InvalidKey::Repeats, "{byte}");
    }
    assert_eq!(refused(&[&raw[..16], &raw[..16]].concat()), InvalidKey::Repeats);
    assert_eq!(refused(&[&[1, 2, 3][..], &[0; 29]].concat()), InvalidKey::Repeats);
    let of = |different: u8| (0..32).map(|n| 0x80 + (n + n / 16) % different).collect::<Vec<_>>();
    assert_eq!(refused(&of(7)), InvalidKey::Repeats);
    assert!(RootKey::parse(&of(8)).is_ok());
    assert_eq!(refused(&hex.as_bytes()[..32]), InvalidKey::Text);
    for text in [
        b"correct-horse-battery-staple-123",
        b"correct horse battery staple 123",
        b"correct-horse-battery-staple-12\n",
    ] {
        assert_eq!(refused(text), InvalidKey::Text);
    }
}

#[test]
fn a_source_of_randomness_that_is_none_makes_no_key() {
    struct Stuck;
    impl Entropy for Stuck {
        fn fill(&self, _: &mut [u8]) {}
    }
    assert_eq!(RootKey::random(&Stuck).unwrap_err(), InvalidKey::Repeats);
    let service = local();
    let made = TenantKeys::create(tenant(1), &service, Suite::default(), Arc::new(Stuck));
    assert!(matches!(block_on(made), Err(KeyError::Weak(InvalidKey::Repeats))));

    let (_, stored) = created(1, &service, Suite::default());
    let keys = block_on(TenantKeys::load(tenant(1), &service, &stored, Arc::new(Stuck))).unwrap();
    assert!(keys.audit().seal(email(1), b"x").is_err(), "sealed under a constant nonce");
}

#[test]
fn stored_keys_come_back_as_they_were() {
    for suite in SUITES {
        let service = local();
        let (keys, stored) = created(1, &service, suite);
        let (key, wrapped) = keys.make_subject_key(KeyId::FIRST_SUBJECT, subject(1)).unwrap();
        let sealed = key.seal(email(1), b"ada").unwrap();
        let secret = keys.queue().seal(email(1), b"job").unwrap();

        let back = load(1, &service, &stored).unwrap();
        let key = back.subject_key(&wrapped, &[]).unwrap();
        assert_eq!((key.id(), key.suite()), (KeyId::FIRST_SUBJECT, suite));
        assert_eq!((back.tenant(), back.suite()), (tenant(1), suite));
        let clock = HandClock::new();
        let receipt = receipt(tenant(1), subject(1), &["email"], &clock);
        let clear = ward_crypto::Vault::new(clock).open(&key, email(1), &sealed.bytes, &receipt).unwrap();
        assert_eq!(clear.as_bytes(), b"ada");
        assert_eq!(back.queue().open(email(1), &secret).unwrap().as_bytes(), b"job");
        assert_eq!(back.index().index("email", b"ada"), keys.index().index("email", b"ada"));
        assert_eq!(back.api_key().digest(b"wd_live"), keys.api_key().digest(b"wd_live"));
        assert_ne!(back.api_key().digest(b"wd_live"), keys.import().digest(b"wd_live"));
    }
}

#[test]
fn a_tenant_is_made_with_a_key_for_each_purpose_and_no_two_are_alike() {
    let (_, stored) = created(1, &local(), Suite::default());
    let words: Vec<_> = stored.iter().map(|key| key.purpose.as_str()).collect();
    let made = ["tenant", "index", "audit", "idempotency", "queue", "api_key", "import", "log", "token"];
    assert_eq!(words, made);
    let ids: HashSet<_> = stored.iter().map(|key| key.id).collect();
    let commitments: HashSet<_> = stored.iter().map(|key| key.commitment).collect();
    assert_eq!((ids.len(), commitments.len()), (9, 9));
    assert!(ids.iter().all(|id| *id < KeyId::FIRST_SUBJECT));
    for word in words {
        assert_eq!(KeyPurpose::parse(word).map(KeyPurpose::as_str), Some(word));
    }
    assert_eq!(KeyPurpose::parse("root"), None);
}

#[test]
fn the_newest_version_that_everybody_has_serves_and_of_a_logs_the_newest() {
    let (_, keys) = created(1, &*Switched::new(), Suite::default());
    for purpose in [KeyPurpose::Tenant, KeyPurpose::Queue, KeyPurpose::Log] {
        let first = keys.iter().find(|key| key.purpose == purpose).unwrap();
        let later = |known| WrappedKey { id: 60.into(), known, ..first.clone() };
        let serving = |later| {
            StoredKeys { keys: [&*keys, &[later]].concat(), ..StoredKeys::default() }.serving(purpose)
        };
        assert_eq!(serving(later(true)), Some(60.into()));
        let pending = if purpose == KeyPurpose::Log { 60.into() } else { first.id };
        assert_eq!(serving(later(false)), Some(pending), "{purpose:?}");
    }
    assert_eq!(StoredKeys::default().serving(KeyPurpose::Queue), None);
}

#[test]
fn a_stored_key_serves_its_tenant_purpose_id_and_subject_only() {
    let service = local();
    let (keys, stored) = created(1, &service, Suite::default());
    let (others, foreign) = created(2, &service, Suite::default());
    let (_, wrapped) = keys.make_subject_key(KeyId::FIRST_SUBJECT, subject(1)).unwrap();
    let audit = stored.iter().find(|key| key.purpose == KeyPurpose::Audit).unwrap();

    assert!(keys.subject_key(&wrapped, &[]).is_ok());
    let broken =
        |key: &WrappedKey| matches!(keys.subject_key(key, &[]), Err(KeyError::Broken(id)) if id == key.id);
    assert!(broken(&WrappedKey { id: KeyId::from(65), ..wrapped.clone() }));
    assert!(broken(&WrappedKey { subject: Some(subject(2)), ..wrapped.clone() }));
    assert!(broken(&WrappedKey { subject: None, ..wrapped.clone() }));
    assert!(broken(&WrappedKey { commitment: audit.commitment, ..wrapped.clone() }));
    assert!(broken(&WrappedKey { bytes: Vec::new(), ..wrapped.clone() }));
    assert!(broken(audit));
    assert!(broken(&WrappedKey { purpose: KeyPurpose::Subject, subject: Some(subject(1)), ..audit.clone() }));
    assert!(matches!(others.subject_key(&wrapped, &[]), Err(KeyError::Broken(_))));

    let relabelled = WrappedKey { purpose: KeyPurpose::Audit, subject: None, ..wrapped };
    let swapped: Vec<_> =
        stored.iter().map(|key| if key.id == audit.id { &relabelled } else { key }).cloned().collect();
    assert!(matches!(load(1, &service, &swapped), Err(KeyError::Broken(_))));
    assert!(matches!(load(2, &service, &stored), Err(KeyError::Service(ServiceError::Broken))));
    let mixed: Vec<_> = [&foreign[..1], &stored[1..]].concat();
    assert!(matches!(load(2, &service, &mixed), Err(KeyError::Broken(_))));
}

#[test]
fn a_tenant_with_a_key_missing_or_twice_has_none() {
    let service = local();
    let (_, stored) = created(1, &service, Suite::default());
    for (at, key) in stored.iter().enumerate() {
        let mut fewer = stored.clone();
        fewer.remove(at);
        assert!(
            matches!(load(1, &service, &fewer), Err(KeyError::Missing(purpose)) if purpose == key.purpose)
        );
        let more = [&stored[..], std::slice::from_ref(key)].concat();
        assert!(matches!(load(1, &service, &more), Err(KeyError::Twice(purpose)) if purpose == key.purpose));
    }
}

/// Stored by a Ward that knew no tokens.
fn founded_early(stored: &[WrappedKey]) -> Vec<WrappedKey> {
    stored.iter().filter(|key| key.purpose != KeyPurpose::Token).cloned().collect()
}

fn complete(
    service: &dyn KeyService,
    stored: &[WrappedKey],
) -> Result<(TenantKeys, Vec<WrappedKey>), KeyError> {
    block_on(TenantKeys::complete(tenant(1), service, stored, os()))
}

#[test]
fn a_tenant_founded_before_there_were_tokens_is_given_their_key_once() {
    let service = local();
    let (keys, stored) = created(1, &service, Suite::default());
    let early = founded_early(&stored);
    assert_eq!(early.len(), 8);
    assert!(TenantKeys::are_fewer(&early) && !TenantKeys::are_fewer(&stored));
    assert!(matches!(load(1, &service, &early), Err(KeyError::Missing(KeyPurpose::Token))));

    let (completed, made) = complete(&service, &early).unwrap();
    assert_eq!(
        made.iter().map(|key| (key.purpose, key.id)).collect::<Vec<_>>(),
        [(KeyPurpose::Token, 10.into())]
    );
    let loaded = load(1, &service, &[early, made].concat()).unwrap();
    assert_eq!(loaded.index().index("email", b"ada"), keys.index().index("email", b"ada"));
    let token = completed.token().sign(TokenPurpose::Reset, b"", None).unwrap();
    let (presented, now) = (PresentedToken::parse(token.as_str()).unwrap(), HandClock::new().now());
    assert!(loaded.token().verify(TokenPurpose::Reset, &presented, now).is_ok());
    assert!(keys.token().verify(TokenPurpose::Reset, &presented, now).is_err());
    assert!(complete(&service, &stored).unwrap().1.is_empty());
}

#[test]
fn a_key_given_later_takes_no_id_that_was_given() {
    let service = local();
    let (keys, stored) = created(1, &service, Suite::default());
    let (_, log) = keys.make_log_key(KeyId::from(10), HandClock::new().now()).unwrap();
    let (_, subject) = keys.make_subject_key(KeyId::FIRST_SUBJECT, subject(1)).unwrap();
    let early = [founded_early(&stored), vec![log, subject]].concat();
    assert_eq!(complete(&service, &early).unwrap().1[0].id, KeyId::from(11));
    let (_, log) = keys.make_log_key(KeyId::from(70), HandClock::new().now()).unwrap();
    let full = [founded_early(&stored), vec![log]].concat();
    assert_eq!(complete(&service, &full).unwrap().1[0].id, KeyId::from(71));
}

#[test]
fn no_key_that_a_tenant_was_founded_with_is_made_again() {
    let service = local();
    let (_, stored) = created(1, &service, Suite::default());
    let early = founded_early(&stored);
    for (at, key) in early.iter().enumerate() {
        let mut fewer = early.clone();
        fewer.remove(at);
        let completed = complete(&service, &fewer);
        assert!(matches!(completed, Err(KeyError::Missing(purpose)) if purpose == key.purpose));
    }
    assert!(!TenantKeys::are_fewer(&early[1..]) && !TenantKeys::are_fewer(&[]));
}

#[test]
fn ids_of_the_tenants_own_keys_are_not_given_to_subjects() {
    let (keys, _) = one_key(Suite::default());
    for id in [0, 1, 63] {
        let made = keys.make_subject_key(KeyId::from(id), subject(1));
        assert!(matches!(made, Err(KeyError::Reserved(_))));
    }
}

#[test]
fn another_root_key_unwraps_nothing() {
    let (service, other) = (local(), local());
    let (_, stored) = created(1, &service, Suite::default());
    assert!(load(1, &service, &stored).is_ok());
    assert!(matches!(load(1, &other, &stored), Err(KeyError::Service(ServiceError::Broken))));
}

#[test]
fn a_key_service_that_fails_gives_an_error_and_no_key() {
    let service = Switched::new();
    let (_, stored) = created(1, &*service, Suite::default());
    let made = |tenant: TenantId| block_on(TenantKeys::create(tenant, &*service, Suite::default(), os()));
    let check = || block_on(service.check());
    for fault in [Fault::Down, Fault::Revoked] {
        service.set(Some(fault));
        let (loaded, made, checked) = (load(1, &*service, &stored), made(tenant(2)), check());
        match fault {
            Fault::Down => {
                assert!(matches!(loaded, Err(KeyError::Service(ServiceError::Unavailable(_)))));
                assert!(matches!(made, Err(KeyError::Service(ServiceError::Unavailable(_)))));
            }
            _ => {
                assert!(matches!(loaded, Err(KeyError::Service(ServiceError::Refused))));
                assert!(matches!(made, Err(KeyError::Service(ServiceError::Refused))));
            }
        }
        assert!(checked.is_err());
    }
    service.set(Some(Fault::Garbage));
    assert!(matches!(load(1, &*service, &stored), Err(KeyError::Service(ServiceError::Broken))));
    service.set(Some(Fault::OtherKey));
    assert!(matches!(load(1, &*service, &stored), Err(KeyError::Broken(id)) if id == stored[0].id));
    service.set(None);
    assert!(load(1, &*service, &stored).is_ok() && check().is_ok());
}

#[test]
fn a_suite_is_known_by_its_name_alone() {
    let names = [(Suite::XChaCha20Poly1305, "xchacha20-poly1305"), (Suite::Aes256Gcm, "aes-256-gcm")];
    for (suite, name) in names {
        assert_eq!((suite.as_str(), Suite::named(name)), (name, Some(suite)));
    }
    assert_eq!(Suite::named("aes-128-gcm"), None);
}
