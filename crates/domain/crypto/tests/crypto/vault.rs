//! No receipt, no plaintext.

use chrono::TimeDelta;
use ward_crypto::{OpenError, SecretError, Suite, Vault};
use ward_kernel::{Commitment, Place, Sealer};

use crate::support::{HandClock, email, one_key, receipt, subject, tenant, undisclosing};

#[test]
fn a_receipt_opens_what_it_names_for_a_minute() {
    let (_, key) = one_key(Suite::default());
    let sealed = key.seal(email(1), b"ada@example.org").unwrap().bytes;
    let clock = HandClock::new();
    let receipt = receipt(tenant(1), subject(1), &["email"], &clock);
    let vault = Vault::new(clock.clone());
    let open = || vault.open(&key, email(1), &sealed, &receipt);
    assert_eq!(open().unwrap().as_bytes(), b"ada@example.org");
    assert_eq!(open().unwrap().as_str(), Some("ada@example.org"));
    clock.advance(TimeDelta::milliseconds(59_999));
    assert!(open().is_ok());
    clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(open().unwrap_err(), OpenError::NotCovered);
}

#[test]
fn a_receipt_from_the_future_opens_nothing() {
    let (_, key) = one_key(Suite::default());
    let sealed = key.seal(email(1), b"ada@example.org").unwrap().bytes;
    let clock = HandClock::new();
    let receipt = receipt(tenant(1), subject(1), &["email"], &clock);
    clock.advance(TimeDelta::seconds(-59));
    let vault = Vault::new(clock.clone());
    assert!(vault.open(&key, email(1), &sealed, &receipt).is_ok());
    clock.advance(TimeDelta::seconds(-1));
    assert_eq!(vault.open(&key, email(1), &sealed, &receipt).unwrap_err(), OpenError::NotCovered);
}

#[test]
fn a_receipt_of_anything_else_opens_nothing() {
    let (_, key) = one_key(Suite::default());
    let sealed = key.seal(email(1), b"ada@example.org").unwrap();
    let clock = HandClock::new();
    let others = [
        receipt(tenant(2), subject(1), &["email"], &clock),
        receipt(tenant(1), subject(2), &["email"], &clock),
        receipt(tenant(1), subject(1), &["phone"], &clock),
        receipt(tenant(1), subject(1), &[], &clock),
        undisclosing(tenant(1), subject(1), &["email"], &clock),
    ];
    let vault = Vault::new(clock);
    for (which, other) in others.iter().enumerate() {
        let opened = vault.open(&key, email(1), &sealed.bytes, other);
        assert_eq!(opened.unwrap_err(), OpenError::NotCovered, "{which}");
        let told =
            vault.confirm(&key, (email(1), &sealed.bytes), b"ada@example.org", sealed.commitment, other);
        assert_eq!(told.unwrap_err(), OpenError::NotCovered, "{which}");
    }
}

#[test]
fn a_commitment_is_to_one_text_at_one_place_under_one_key() {
    let (keys, key) = one_key(Suite::default());
    let (other, _) = keys.make_subject_key(65.into(), subject(2)).unwrap();
    let phone = Place { column: "phone", ..email(1) };
    let (ours, text) = (key.seal(email(1), b"ada").unwrap(), b"ada");
    let (again, theirs) = (key.seal(email(1), text).unwrap(), other.seal(email(1), text).unwrap());
    let clock = HandClock::new();
    let receipt = receipt(tenant(1), subject(1), &["email", "phone"], &clock);
    let vault = Vault::new(clock);
    let confirms = |place, sealed, text: &[u8], commitment| {
        vault.confirm(&key, (place, sealed), text, commitment, &receipt)
    };
    assert_eq!(confirms(email(1), &ours.bytes[..], text, ours.commitment), Ok(true));
    assert_eq!(confirms(email(1), &ours.bytes, b"eve", ours.commitment), Ok(false));
    assert_eq!(confirms(phone, &ours.bytes, text, ours.commitment), Ok(false));
    assert_eq!(confirms(email(1), &again.bytes, text, ours.commitment), Ok(false));
    assert_eq!(confirms(email(1), &ours.bytes, text, Commitment([0; 32])), Ok(false));
    assert_eq!(
        confirms(email(1), &theirs.bytes, text, theirs.commitment),
        Err(OpenError::OtherKey(other.id()))
    );
}

#[test]
fn an_operational_secret_opens_without_a_receipt_at_its_place_under_its_key() {
    let (keys, key) = one_key(Suite::Aes256Gcm);
    let sealed = keys.audit().seal(email(1), b"192.0.2.7").unwrap();
    assert_eq!(keys.audit().open(email(1), &sealed).unwrap().as_bytes(), b"192.0.2.7");
    let phone = Place { column: "phone", ..email(1) };
    assert_eq!(keys.audit().open(phone, &sealed).unwrap_err(), SecretError::Forged);
    assert_eq!(keys.queue().open(email(1), &sealed).unwrap_err(), SecretError::Forged);
    assert!(matches!(keys.audit().open(email(1), b"192.0.2.7"), Err(SecretError::Malformed(_))));
    let personal = key.seal(email(1), b"ada@example.org").unwrap().bytes;
    for secrets in [keys.audit(), keys.queue(), keys.idempotency()] {
        assert_eq!(secrets.open(email(1), &personal).unwrap_err(), SecretError::Forged);
    }
}
