use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ward::crypto::{KeyService as _, ServiceError};
use ward_kms::pkcs11::Pin;
use ward_kms::{Guarded, Limits, Withheld};
use ward_testkit::{Hsm, HsmKey, Machine};

use crate::{Note, alone, assert_broken, key, keys, keys_at, opens, tenant, wait_until};

#[test]
fn sixteen_at_once_get_each_its_own() {
    alone("together::sixteen_at_once_get_each_its_own", async |hsm| {
        hsm.add_token("second").unwrap();
        hsm.create("second", "k", HsmKey::Fit).unwrap();
        let first = Arc::new(keys(&hsm));
        let second = Arc::new(keys_at(&hsm, "pkcs11:token=second;object=k", Note::of(Hsm::PIN)));
        let mut all = Vec::new();
        for number in 0..16 {
            let keys = if number % 2 == 0 { first.clone() } else { second.clone() };
            all.push(tokio::spawn(async move {
                for _ in 0..20 {
                    let wrapped = keys.wrap(tenant(number), &key()).await.unwrap();
                    assert!(opens(keys.unwrap(tenant(number), &wrapped).await));
                    assert_broken(keys.unwrap(tenant(number + 1), &wrapped).await);
                }
            }));
        }
        for one in all {
            one.await.unwrap();
        }
    });
}

#[test]
fn a_call_that_hangs_is_given_up_and_holds_up_no_other_token() {
    alone("together::a_call_that_hangs_is_given_up_and_holds_up_no_other_token", async |hsm| {
        hsm.add_token("second").unwrap();
        hsm.create("second", "k", HsmKey::Fit).unwrap();
        let (go, gone) = channel::<()>();
        let gone = Mutex::new(gone);
        let hanging = keys_at(&hsm, &hsm.address(), move || {
            let _ended = gone.lock().unwrap().recv();
            Ok(Pin::parse(Hsm::PIN.as_bytes())?)
        });
        let limits = Limits { deadline: Duration::from_millis(300), failures: 100, ..Limits::default() };
        let guarded = Guarded::new(Arc::new(hanging), limits, Arc::new(Machine::default()));
        assert_eq!(late(guarded.check().await), Withheld::Late);
        assert_eq!(late(guarded.wrap(tenant(1), &key()).await), Withheld::Late);
        let second = keys_at(&hsm, "pkcs11:token=second;object=k", Note::of(Hsm::PIN));
        let wrapped = second.wrap(tenant(2), &key()).await.unwrap();
        assert!(opens(second.unwrap(tenant(2), &wrapped).await));
        drop(go); // from now on the PIN is there
        wait_until(&guarded, Result::is_ok).await;
    });
}

#[test]
fn no_runtime_waits_for_a_call_that_hangs() {
    alone("together::no_runtime_waits_for_a_call_that_hangs", async |hsm| {
        let hanging = keys_at(&hsm, &hsm.address(), || -> Result<Pin, _> {
            loop {
                std::thread::park();
            }
        });
        let limits = Limits { deadline: Duration::from_millis(300), ..Limits::default() };
        let guarded = Guarded::new(Arc::new(hanging), limits, Arc::new(Machine::default()));
        let (end, ended) = channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            assert_eq!(late(runtime.block_on(guarded.check())), Withheld::Late);
            drop(runtime);
            end.send(()).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(20)).unwrap();
    });
}

fn late<T>(answer: Result<T, ServiceError>) -> Withheld {
    let Err(ServiceError::Unavailable(why)) = answer else { panic!("it was answered") };
    *why.downcast().unwrap()
}
