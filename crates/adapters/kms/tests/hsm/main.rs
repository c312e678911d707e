//! Tenants' keys under a key on a real token: SoftHSM's.
//!
//! SoftHSM reads from the environment where its tokens lie, and a process loads it once. So each test runs in a process of its own,
//! which this program starts with the environment set, and whose whole output must hold no secret.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod lost;
mod revoked;
mod together;
mod unfit;
mod wrapping;

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ward::crypto::{KeyService, ServiceError, TenantKey};
use ward::kernel::{TenantId, Uuid};
use ward_kms::pkcs11::{Address, Module, Pin, Pins, Pkcs11Keys, Trouble};
use ward_testkit::{Hsm, Machine};

/// Names the directory of the token of this process.
const OWN: &str = "WARD_TEST_HSM";
const OTHER_PIN: &str = "another-pin-that-nobody-logs";

/// Runs `body` in a process of its own with a token of its own. `test` is the whole name of the test that calls it.
fn alone<F: Future<Output = ()>>(test: &str, body: impl FnOnce(Hsm) -> F) {
    if let Some(directory) = env::var_os(OWN) {
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        log.init();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
        return runtime.unwrap().block_on(body(Hsm::at(&PathBuf::from(directory)).unwrap()));
    }
    let home = tempfile::tempdir().unwrap();
    let (name, conf) = Hsm::start(home.path()).unwrap().settings();
    let mut own = Command::new(env::current_exe().unwrap());
    own.args(["--exact", test, "--nocapture"]).env(OWN, home.path()).env(name, conf);
    let done = own.output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
    assert!(!holds_a_secret(&said), "{said}");
}

/// Whether a text holds a PIN, or the key of [`key`] in one of the forms that `Debug` gives it.
fn holds_a_secret(text: &str) -> bool {
    let octets = key().to_clear()[1..9].to_vec();
    let hex = hex::encode(&octets);
    let list = format!("{octets:?}");
    let list = list.trim_matches(['[', ']']);
    [Hsm::PIN, OTHER_PIN, &hex, list].into_iter().any(|secret| text.contains(secret))
}

/// A PIN that changes while it is used.
#[derive(Clone)]
struct Note(Arc<Mutex<String>>);

impl Note {
    fn of(pin: &str) -> Self {
        Self(Arc::new(Mutex::new(pin.to_owned())))
    }

    fn write(&self, pin: &str) {
        *self.0.lock().unwrap() = pin.to_owned();
    }
}

impl Pins for Note {
    fn pin(&self) -> Result<Pin, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Pin::parse(self.0.lock().unwrap().as_bytes())?)
    }
}

fn keys(hsm: &Hsm) -> Pkcs11Keys {
    keys_at(hsm, &hsm.address(), Note::of(Hsm::PIN))
}

fn keys_at(hsm: &Hsm, address: &str, pins: impl Pins + 'static) -> Pkcs11Keys {
    let address: Address = address.parse().unwrap();
    Pkcs11Keys::new(Module::at(hsm.module()), address, Arc::new(pins), Arc::new(Machine::default()))
}

fn tenant(number: u128) -> TenantId {
    TenantId::from(Uuid::from_u128(number))
}

fn key() -> TenantKey {
    let clear: Vec<u8> = std::iter::once(2).chain((0..32).map(|octet| 255 - octet * 7)).collect();
    TenantKey::from_clear(&clear).unwrap()
}

fn opens(unwrapped: Result<TenantKey, ServiceError>) -> bool {
    unwrapped.unwrap().to_clear() == key().to_clear()
}

/// That it is refused, which says nothing.
fn assert_refused<T>(answer: Result<T, ServiceError>) {
    match answer {
        Err(error @ ServiceError::Refused) => assert!(!holds_a_secret(&format!("{error:?} {error}"))),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it was answered"),
    }
}

fn assert_broken<T>(answer: Result<T, ServiceError>) {
    match answer {
        Err(ServiceError::Broken) => {}
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it was answered"),
    }
}

/// What was in the way.
fn trouble<T>(answer: Result<T, ServiceError>) -> Trouble {
    match answer {
        Err(ServiceError::Unavailable(why)) => {
            assert!(!holds_a_secret(&format!("{why:?} {why}")));
            *why.downcast().unwrap()
        }
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it was answered"),
    }
}

/// Asks until the answer is as it should be: libraries may know for a moment what was so before.
async fn wait_until(keys: &dyn KeyService, right: impl Fn(&Result<(), ServiceError>) -> bool) {
    let begun = Instant::now();
    loop {
        let answer = keys.check().await;
        if right(&answer) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{answer:?}");
    }
}
