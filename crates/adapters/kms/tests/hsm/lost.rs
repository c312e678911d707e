use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use cryptoki::context::Pkcs11;
use ward::crypto::KeyService as _;
use ward_kms::pkcs11::{Module, Pkcs11Keys, Trouble};
use ward_testkit::{Hsm, HsmKey, Machine};

use crate::{Note, alone, assert_refused, key, keys, keys_at, opens, tenant, trouble};

#[test]
fn a_token_that_is_away_is_out_of_reach_until_it_is_back() {
    alone("lost::a_token_that_is_away_is_out_of_reach_until_it_is_back", async |hsm| {
        let keys = keys(&hsm);
        let wrapped = keys.wrap(tenant(1), &key()).await.unwrap();
        for _ in 0..2 {
            hsm.unplug().unwrap();
            for _ in 0..3 {
                trouble(keys.unwrap(tenant(1), &wrapped).await);
                trouble(keys.wrap(tenant(1), &key()).await);
                trouble(keys.check().await);
            }
            hsm.plug_in().unwrap();
            crate::wait_until(&keys, Result::is_ok).await;
            assert!(opens(keys.unwrap(tenant(1), &wrapped).await));
        }
    });
}

#[test]
fn a_token_that_comes_later_is_found_and_its_absence_costs_no_other_anything() {
    alone("lost::a_token_that_comes_later_is_found_and_its_absence_costs_no_other_anything", async |hsm| {
        let first = keys(&hsm);
        let wrapped = first.wrap(tenant(1), &key()).await.unwrap();
        let later = keys_at(&hsm, "pkcs11:token=later;object=k", Note::of(Hsm::PIN));
        assert!(matches!(trouble(later.check().await), Trouble::NoToken));
        assert!(opens(first.unwrap(tenant(1), &wrapped).await));
        hsm.add_token("later").unwrap();
        crate::wait_until(&later, |answer| matches!(answer, Err(ward::crypto::ServiceError::Refused))).await;
        hsm.create("later", "k", HsmKey::Fit).unwrap();
        later.check().await.unwrap();
        assert!(opens(first.unwrap(tenant(1), &wrapped).await));
    });
}

#[test]
fn a_library_that_was_ended_by_somebody_else_is_begun_again() {
    alone("lost::a_library_that_was_ended_by_somebody_else_is_begun_again", async |hsm| {
        let keys = keys(&hsm);
        let wrapped = keys.wrap(tenant(1), &key()).await.unwrap();
        for _ in 0..3 {
            Pkcs11::new(hsm.module()).unwrap().finalize().unwrap();
            crate::wait_until(&keys, Result::is_ok).await;
            assert!(opens(keys.unwrap(tenant(1), &wrapped).await));
        }
    });
}

#[test]
fn a_library_that_is_not_there_is_loaded_when_it_is() {
    alone("lost::a_library_that_is_not_there_is_loaded_when_it_is", async |hsm| {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("module.so");
        let at = |path: &std::path::Path| {
            let (pins, entropy) = (Arc::new(Note::of(Hsm::PIN)), Arc::new(Machine::default()));
            Pkcs11Keys::new(Module::at(path), hsm.address().parse().unwrap(), pins, entropy)
        };
        let keys = at(&path);
        assert!(matches!(trouble(keys.check().await), Trouble::Library(_)));
        fs::write(&path, "no library").unwrap();
        assert!(matches!(trouble(keys.wrap(tenant(1), &key()).await), Trouble::Library(_)));
        fs::remove_file(&path).unwrap();
        symlink(hsm.module(), &path).unwrap();
        keys.check().await.unwrap();
        assert!(matches!(trouble(at("libsofthsm2.so".as_ref()).check().await), Trouble::Path));
        hsm.destroy(Hsm::KEY).unwrap();
        assert_refused(keys.check().await);
    });
}
