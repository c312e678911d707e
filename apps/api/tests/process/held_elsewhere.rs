//! Keys that others hold: the root, in hardware or in a KMS, and tenants' own. What refuses, hangs or talks nonsense ends access on every
//! replica and nothing else; when it is well again so is Ward, without a restart.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use ureq::http::Method;
use ward_testkit::{CompatibleKms, Fault, FaultyKms, Hsm, HsmKey};

use crate::ward::{Tenant, Ward, pause};

const JSON: (&str, &str) = ("content-type", "application/json");
/// What nobody reads without the tenant's keys.
const DATA: &str = "/v1/subjects?limit=1";
/// How long a failure is waited for: keys are kept for a minute.
const PATIENCE: Duration = Duration::from_secs(150);

/// A token, and a directory with its PIN.
pub(crate) struct Held {
    pub(crate) hsm: Hsm,
    home: TempDir,
}

impl Held {
    pub(crate) fn new() -> Self {
        let home = TempDir::new().unwrap();
        let held = Self { hsm: Hsm::start(&home.path().join("hsm")).unwrap(), home };
        fs::create_dir(held.home.path().join("pins")).unwrap();
        held.write_pin(Hsm::PIN);
        held
    }

    /// Tells the deployment a PIN.
    fn write_pin(&self, pin: &str) {
        let file = self.home.path().join("pins").join(Hsm::TOKEN);
        fs::write(&file, pin).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn tell(&self, ward: &mut Ward) {
        let (variable, conf) = self.hsm.settings();
        let (module, pins) = (self.hsm.module().display().to_string(), self.home.path().join("pins"));
        let (conf, pins) = (conf.display().to_string(), pins.display().to_string());
        ward.set(&[("WARD_PKCS11_MODULE", &module), ("WARD_PKCS11_PINS", &pins), (variable, &conf)]);
        ward.set(&[("WARD_LOG", "warn,ward_api::serve=info")]);
    }
}

fn status(ward: &Ward, key: &str, path: &str) -> (u16, String) {
    let answer = ward.client(key).get(path).unwrap();
    (answer.status, format!("{} {}", answer.headers, answer.text))
}

fn is_dark(ward: &Ward, key: &str) -> bool {
    let (status, told) = status(ward, key, DATA);
    assert!(
        status == 200 || (status == 503 && told.contains("key-unavailable") && told.contains("retry-after")),
        "{status} {told}"
    );
    status == 503
}

/// How long it takes until it is so on all of them; of each, when the last request was sent that showed it wasn't, and the first that showed it was.
fn until<T: Copy>(what: &str, all: &[T], is: impl Fn(T) -> bool) -> Vec<(Duration, Duration)> {
    let begun = Instant::now();
    let mut seen = vec![(Duration::ZERO, None); all.len()];
    while seen.iter().any(|(_, first)| first.is_none()) {
        assert!(begun.elapsed() < PATIENCE, "not {what} after {PATIENCE:?}");
        for (one, (last, first)) in all.iter().zip(&mut seen).filter(|(_, (_, first))| first.is_none()) {
            let asked = begun.elapsed();
            match is(*one) {
                true => *first = Some(asked),
                false => *last = asked,
            }
        }
        pause();
    }
    seen.into_iter().filter_map(|(last, first)| Some((last, first?))).collect()
}

fn assert_unserved(ward: &Ward) {
    assert_eq!(status(ward, "", "/health").0, 200);
    let (ready, told) = status(ward, "", "/ready");
    assert_eq!((ready, told.contains("isolation")), (503, true), "{told}");
    let (me, told) = status(ward, "any", DATA);
    assert!(me == 503 && told.contains("key-unavailable") && told.contains("retry-after"), "{me} {told}");
}

pub(crate) fn bring(ward: &Ward, tenant: &Tenant, address: &str) -> (u16, Value) {
    let body = json!({ "address": address }).to_string();
    let answer = ward.client(&tenant.key).send(Method::PUT, "/v1/keys/external", &[JSON], &body).unwrap();
    (answer.status, answer.json())
}

#[test]
fn a_root_in_hardware_that_is_gone_at_the_start_or_later_serves_again_when_it_is_back() {
    let (held, mut ward) = (Held::new(), Ward::idle());
    held.tell(&mut ward);
    ward.set(&[("WARD_ROOT_KEY", &held.hsm.address())]);
    held.hsm.unplug().unwrap();
    ward.start_unready();
    assert_unserved(&ward);
    held.hsm.plug_in().unwrap();
    ward.until_ready();
    let tenant = ward.found("Rooted in hardware");
    assert_eq!(status(&ward, &tenant.key, DATA).0, 200);
    let check = "/v1/claims/managed-root-key/check";
    let checked = ward.client(&tenant.key).send(Method::POST, check, &[JSON], "{}").unwrap().json();
    assert_eq!(checked["status"], "active", "{checked}");
    assert!(
        checked["observed"].as_str().is_some_and(|told| told.starts_with("The key service")),
        "{checked}"
    );

    held.hsm.change_pin(Hsm::PIN, "another-pin").unwrap();
    let took = until("dark", &[&ward], |ward| is_dark(ward, &tenant.key));
    println!("a root whose PIN was changed: dark after {took:?}");
    assert_eq!(status(&ward, "", "/health").0, 200);
    held.write_pin("another-pin");
    let took = until("bright", &[&ward], |ward| !is_dark(ward, &tenant.key));
    println!("a root whose new PIN was told: served again after {took:?}");
    ward.stop();
    let log = String::from_utf8_lossy(&ward.logs()).into_owned();
    assert!(!log.contains("another-pin") && !log.contains(Hsm::PIN), "a PIN is in the log");
}

#[test]
fn a_kms_that_holds_the_root_is_asked_again_whatever_it_answered() {
    let runtime = Runtime::new().unwrap();
    let kms = CompatibleKms::start().unwrap();
    let arn = runtime.block_on(kms.create_key()).unwrap();
    let faulty = FaultyKms::before(kms.address()).unwrap();
    let mut ward = Ward::idle();
    let settings = faulty.settings();
    ward.set(&settings.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>());
    ward.set(&[("WARD_ROOT_KEY", &format!("aws-kms:{arn}")), ("WARD_LOG", "warn,ward_api::serve=info")]);

    faulty.fail(Fault::Silence);
    ward.start_unready();
    assert_unserved(&ward);
    faulty.heal();
    ward.until_ready();
    let tenant = ward.found("Rooted in a KMS");

    for fault in [Fault::DISABLED, Fault::Garbage, Fault::ForeignKey, Fault::THROTTLED, Fault::Reset] {
        ward.kill();
        faulty.fail(fault);
        ward.start_unready();
        assert_unserved(&ward);
    }
    faulty.heal();
    ward.until_ready();
    assert_eq!(status(&ward, &tenant.key, DATA).0, 200);

    faulty.fail(Fault::Silence);
    let took = until("dark", &[&ward], |ward| is_dark(ward, &tenant.key));
    println!("a root that gives no answer: dark after {took:?}");
    faulty.heal();
    let took = until("bright", &[&ward], |ward| !is_dark(ward, &tenant.key));
    println!("a root that answers again: served again after {took:?}");
    ward.stop();
}

#[test]
fn what_a_tenant_takes_back_is_gone_on_every_replica_and_nobody_elses_with_it() {
    let runtime = Runtime::new().unwrap();
    let kms = CompatibleKms::start().unwrap();
    let arn = runtime.block_on(kms.create_key()).unwrap();
    let faulty = FaultyKms::before(kms.address()).unwrap();
    let (held, mut ward) = (Held::new(), Ward::idle());
    held.tell(&mut ward);
    let settings = faulty.settings();
    ward.set(&settings.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>());
    ward.set(&[("WARD_TENANT_KEYS", "pkcs11:token=Ward%20HSM;object=* aws-kms:arn:aws:kms:eu-central-1:*")]);
    ward.start_again();
    let mut other = Ward::idle();
    other.share(&ward);
    other.start_again();
    let wards = [&ward, &other];

    let [in_hardware, in_kms, neighbour] =
        ["Hardware", "KMS", "Neighbour"].map(|name| ward.found_for(name, Some("owner@example.org")));
    held.hsm.create(Hsm::TOKEN, "extractable", HsmKey::Extractable).unwrap();
    for (address, expected) in [
        ("pkcs11:token=Ward%20HSM;object=extractable", 409),
        ("pkcs11:token=Ward%20HSM;object=absent", 409),
        ("pkcs11:token=Elsewhere;object=a", 422),
    ] {
        let (status, told) = bring(&ward, &in_hardware, address);
        assert_eq!(status, expected, "{address}: {told}");
    }
    let brought = [(&in_hardware, held.hsm.address()), (&in_kms, format!("aws-kms:{arn}"))];
    for (tenant, address) in &brought {
        let (status, told) = bring(&ward, tenant, address);
        assert_eq!(status, 200, "{told}");
    }
    let pairs: Vec<_> =
        wards.iter().flat_map(|ward| [&in_hardware, &in_kms].map(|tenant| (*ward, tenant))).collect();
    let is = |dark: bool| move |(ward, tenant): (&Ward, &Tenant)| is_dark(ward, &tenant.key) == dark;
    until("bright", &pairs, is(false));

    // The PIN changed, the key disabled; then told, and enabled.
    held.hsm.change_pin(Hsm::PIN, "another-pin").unwrap();
    faulty.fail(Fault::DISABLED);
    let took = until("dark", &pairs, |(ward, tenant)| {
        assert_eq!(status(ward, &neighbour.key, DATA).0, 200);
        assert_eq!(status(ward, "", "/ready").0, 200);
        is_dark(ward, &tenant.key)
    });
    println!("a PIN changed and a key disabled: dark on two replicas after {took:?}");
    let messages = "SELECT count(*) FROM ward.job_lease WHERE kind = 'message'";
    until("told", &[&ward], |ward| ward.postgres().ask(messages) == [["2"]]);
    held.write_pin("another-pin");
    faulty.heal();
    let took = until("bright", &pairs, is(false));
    println!("the PIN told and the key enabled: served again on two replicas after {took:?}");

    // The token pulled, the KMS silent: nobody said no, and within a minute it is as if they had.
    held.hsm.unplug().unwrap();
    faulty.fail(Fault::Silence);
    let took = until("dark", &pairs, is(true));
    println!("a token pulled and a KMS silent: dark on two replicas after {took:?}");
    assert_eq!(status(&other, &neighbour.key, DATA).0, 200);
    held.hsm.plug_in().unwrap();
    faulty.heal();
    let took = until("bright", &pairs, is(false));
    println!("the token back and the KMS well: served again on two replicas after {took:?}");

    // For good.
    held.hsm.change_pin("another-pin", Hsm::PIN).unwrap();
    held.write_pin(Hsm::PIN);
    held.hsm.destroy(Hsm::KEY).unwrap();
    let took = until("dark", &wards, |ward| is_dark(ward, &in_hardware.key));
    println!("a key destroyed: dark on two replicas after {took:?}");
    assert_eq!(status(&ward, &neighbour.key, DATA).0, 200);
    other.stop();
    ward.stop();
}
