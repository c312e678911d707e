//! What the deployment believes when it reads it again.

use futures::executor::block_on;
use ward_crypto::{KeyId, KeyPurpose, Suite, TenantKeys};

use crate::support::{created, local, os, tenant};

const TEXT: &str = "ward erasure 1\n7\n";

#[test]
fn what_was_signed_is_believed_as_it_was_and_nothing_else_is() {
    let service = local();
    let (keys, _) = created(1, &service, Suite::XChaCha20Poly1305);
    let (others, _) = created(2, &service, Suite::XChaCha20Poly1305);
    let signed = keys.ledger().sign(TEXT);
    assert_eq!(keys.ledger().open(&signed), Some(TEXT));
    assert_eq!(others.ledger().open(&signed), None, "another deployment's");
    for at in 0..signed.len() {
        let mut other = signed.clone().into_bytes();
        other[at] ^= 1;
        let other = String::from_utf8(other).unwrap();
        assert_eq!(keys.ledger().open(&other), None, "byte {at}");
        assert_eq!(keys.ledger().open(&signed[..at]), None, "cut at {at}");
    }
    for other in
        ["", "\n", "\n\n", TEXT, &format!("{signed}\n"), &signed.repeat(2), &signed.replace('\n', "\r\n")]
    {
        assert_eq!(keys.ledger().open(other), None, "{other:?}");
    }
}

#[test]
fn a_backup_believes_what_was_signed_after_the_keys_were_followed_by_others() {
    let service = local();
    let (before, mut stored) = created(1, &service, Suite::Aes256Gcm);
    let mut next = before.make_version(KeyPurpose::Index, KeyId::from(40)).unwrap();
    next.known = true;
    stored.push(next);
    let after = block_on(TenantKeys::load(tenant(1), &service, &stored, os())).unwrap();
    assert_eq!(before.ledger().open(&after.ledger().sign(TEXT)), Some(TEXT));
    assert_eq!(after.ledger().open(&before.ledger().sign(TEXT)), Some(TEXT));
}
