use ward::crypto::{KeyService as _, LocalKeys, RootKey};
use ward_kms::pkcs11::{Address, Module};
use ward_testkit::{Hsm, HsmKey, Machine};

use crate::{Note, alone, assert_broken, holds_a_secret, key, keys, keys_at, opens, tenant};

#[test]
fn what_is_wrapped_for_a_tenant_unwraps_for_it_and_for_no_other() {
    alone("wrapping::what_is_wrapped_for_a_tenant_unwraps_for_it_and_for_no_other", async |hsm| {
        let keys = keys(&hsm);
        keys.check().await.unwrap();
        let wrapped = keys.wrap(tenant(1), &key()).await.unwrap();
        assert_eq!((wrapped.len(), wrapped[0]), (62, 0x11));
        assert!(!holds_a_secret(&format!("{wrapped:?}")));
        assert!(opens(keys.unwrap(tenant(1), &wrapped).await));
        assert_broken(keys.unwrap(tenant(2), &wrapped).await);
        let again = keys.wrap(tenant(1), &key()).await.unwrap();
        assert_ne!(again[1..13], wrapped[1..13]);
        assert_ne!(again[13..], wrapped[13..]);
        // Another who knows the PIN, as another replica does.
        assert!(opens(crate::keys(&hsm).unwrap(tenant(1), &wrapped).await));
    });
}

#[test]
fn whatever_was_changed_is_broken() {
    alone("wrapping::whatever_was_changed_is_broken", async |hsm| {
        let keys = keys(&hsm);
        let wrapped = keys.wrap(tenant(1), &key()).await.unwrap();
        for at in 0..wrapped.len() {
            let mut flipped = wrapped.clone();
            flipped[at] ^= 1 << (at % 8);
            assert_broken(keys.unwrap(tenant(1), &flipped).await);
            assert_broken(keys.unwrap(tenant(1), &wrapped[..at]).await);
        }
        assert_broken(keys.unwrap(tenant(1), &[&wrapped[..], &[0]].concat()).await);
        assert_broken(keys.unwrap(tenant(1), &[0x11; 5_000]).await);
        let machine = std::sync::Arc::new(Machine::default());
        let local = LocalKeys::new(RootKey::random(&*machine).unwrap(), machine.clone());
        assert_broken(keys.unwrap(tenant(1), &local.wrap(tenant(1), &key()).await.unwrap()).await);
        assert!(opens(keys.unwrap(tenant(1), &wrapped).await));
    });
}

#[test]
fn a_key_is_found_by_its_id_and_what_another_wrapped_is_broken() {
    alone("wrapping::a_key_is_found_by_its_id_and_what_another_wrapped_is_broken", async |hsm| {
        hsm.create(Hsm::TOKEN, "other", HsmKey::Fit).unwrap();
        let by_label = keys(&hsm);
        let by_id = keys_at(&hsm, "pkcs11:token=Ward%20HSM;id=%77ard-root", Note::of(Hsm::PIN));
        let by_both = keys_at(&hsm, "pkcs11:token=Ward%20HSM;object=other;id=other", Note::of(Hsm::PIN));
        let wrapped = by_label.wrap(tenant(1), &key()).await.unwrap();
        assert!(opens(by_id.unwrap(tenant(1), &wrapped).await));
        assert_broken(by_both.unwrap(tenant(1), &wrapped).await);
        let wrapped = by_both.wrap(tenant(1), &key()).await.unwrap();
        assert!(opens(by_both.unwrap(tenant(1), &wrapped).await));
        assert_broken(by_id.unwrap(tenant(1), &wrapped).await);
        let mixed = keys_at(&hsm, "pkcs11:token=Ward%20HSM;object=ward-root;id=other", Note::of(Hsm::PIN));
        crate::assert_refused(mixed.check().await);
    });
}

#[test]
fn what_is_shown_of_them_is_no_secret() {
    alone("wrapping::what_is_shown_of_them_is_no_secret", async |hsm| {
        let keys = keys(&hsm);
        keys.check().await.unwrap();
        let address: Address = hsm.address().parse().unwrap();
        let shown = format!("{keys:?} {:?} {address:?} {address}", Module::at(hsm.module()));
        assert!(shown.contains("ward-root") && !holds_a_secret(&shown), "{shown}");
        // The look that every test takes at its own output can fail.
        assert!(holds_a_secret(&format!("{:?}", &*key().to_clear())) && holds_a_secret(Hsm::PIN));
    });
}
