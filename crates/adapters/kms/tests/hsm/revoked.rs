use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cryptoki::context::Pkcs11;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use ward::crypto::{KeyService as _, ServiceError};
use ward_kms::pkcs11::{Pin, Trouble};
use ward_testkit::{Hsm, HsmKey};

use crate::{
    Note, OTHER_PIN, alone, assert_broken, assert_refused, key, keys, keys_at, opens, tenant, trouble,
    wait_until,
};

#[test]
fn a_key_that_was_destroyed_is_refused_at_once_and_what_it_wrapped_is_gone() {
    alone("revoked::a_key_that_was_destroyed_is_refused_at_once_and_what_it_wrapped_is_gone", async |hsm| {
        let keys = keys(&hsm);
        let wrapped = keys.wrap(tenant(1), &key()).await.unwrap();
        hsm.destroy(Hsm::KEY).unwrap();
        assert_refused(keys.unwrap(tenant(1), &wrapped).await);
        assert_refused(keys.wrap(tenant(1), &key()).await);
        assert_refused(keys.check().await);

        hsm.create(Hsm::TOKEN, Hsm::KEY, HsmKey::Fit).unwrap();
        keys.check().await.unwrap();
        assert_broken(keys.unwrap(tenant(1), &wrapped).await);
        let wrapped = keys.wrap(tenant(1), &key()).await.unwrap();
        assert!(opens(keys.unwrap(tenant(1), &wrapped).await));
    });
}

#[test]
fn a_pin_that_was_changed_opens_nothing_until_the_new_one_is_known() {
    alone("revoked::a_pin_that_was_changed_opens_nothing_until_the_new_one_is_known", async |hsm| {
        let note = Note::of(Hsm::PIN);
        let keys = keys_at(&hsm, &hsm.address(), note.clone());
        let wrapped = keys.wrap(tenant(1), &key()).await.unwrap();

        hsm.change_pin(Hsm::PIN, OTHER_PIN).unwrap();
        wait_until(&keys, |answer| matches!(answer, Err(ServiceError::Refused))).await;
        for _ in 0..20 {
            assert_refused(keys.unwrap(tenant(1), &wrapped).await);
            assert_refused(keys.wrap(tenant(1), &key()).await);
            assert_refused(keys.check().await);
        }
        note.write(OTHER_PIN);
        assert!(opens(keys.unwrap(tenant(1), &wrapped).await));
        note.write(Hsm::PIN);
        assert_refused(keys.unwrap(tenant(1), &wrapped).await);
        note.write(OTHER_PIN);
        assert!(opens(keys.unwrap(tenant(1), &wrapped).await));
    });
}

#[test]
fn a_pin_that_was_changed_back_opens_again_though_it_was_wrong_meanwhile() {
    alone("revoked::a_pin_that_was_changed_back_opens_again_though_it_was_wrong_meanwhile", async |hsm| {
        let keys = keys(&hsm);
        let wrapped = keys.wrap(tenant(1), &key()).await.unwrap();
        for _ in 0..3 {
            hsm.change_pin(Hsm::PIN, OTHER_PIN).unwrap();
            wait_until(&keys, |answer| matches!(answer, Err(ServiceError::Refused))).await;
            hsm.change_pin(OTHER_PIN, Hsm::PIN).unwrap();
            wait_until(&keys, Result::is_ok).await;
            assert!(opens(keys.unwrap(tenant(1), &wrapped).await));
        }
    });
}

#[test]
fn a_wrong_pin_is_not_tried_twice_unless_somebody_logged_in_since() {
    alone("revoked::a_wrong_pin_is_not_tried_twice_unless_somebody_logged_in_since", async |hsm| {
        let keys = keys_at(&hsm, &hsm.address(), Note::of(OTHER_PIN));
        assert_refused(keys.check().await);
        hsm.change_pin(Hsm::PIN, OTHER_PIN).unwrap();
        hsm.change_pin("somebody's mistake", Hsm::PIN).unwrap_err();
        // It would be right by now, so that it is refused shows that it isn't tried.
        for _ in 0..20 {
            assert_refused(keys.check().await);
        }
        hsm.change_pin(OTHER_PIN, OTHER_PIN).unwrap();
        wait_until(&keys, Result::is_ok).await;
    });
}

#[test]
fn a_login_of_somebody_else_in_the_process_stands_for_no_pin() {
    alone("revoked::a_login_of_somebody_else_in_the_process_stands_for_no_pin", async |hsm| {
        keys(&hsm).check().await.unwrap();
        let library = Pkcs11::new(hsm.module()).unwrap();
        let slot = library.get_slots_with_initialized_token().unwrap()[0];
        let session = library.open_ro_session(slot).unwrap();
        session.login(UserType::User, Some(&AuthPin::from(Hsm::PIN.to_owned()))).unwrap();
        assert_refused(keys_at(&hsm, &hsm.address(), Note::of("wrong-pin")).check().await);
        keys(&hsm).check().await.unwrap();
    });
}

#[test]
fn the_pin_is_asked_for_every_time_and_without_one_nothing_opens() {
    alone("revoked::the_pin_is_asked_for_every_time_and_without_one_nothing_opens", async |hsm| {
        let asked = Arc::new(AtomicU32::new(0));
        let pins = {
            let asked = asked.clone();
            move || match asked.fetch_add(1, Ordering::SeqCst) {
                2 => Err("the file is gone".into()),
                _ => Ok(Pin::parse(Hsm::PIN.as_bytes()).unwrap()),
            }
        };
        let keys = keys_at(&hsm, &hsm.address(), pins);
        keys.check().await.unwrap();
        keys.check().await.unwrap();
        assert!(matches!(trouble(keys.check().await), Trouble::Pin(_)));
        keys.check().await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    });
}
