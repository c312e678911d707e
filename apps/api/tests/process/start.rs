//! How Ward starts, or refuses to: it says why, ends, and leaves nothing behind.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use ureq::http::Method;

use crate::doctored::Doctored;
use crate::ward::{Ward, pause};

pub(crate) const KEY: &str = "07f1a2b3c4d5e60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e80";
const PRODUCTION: (&str, &str) = ("WARD_MODE", "production");

pub(crate) fn put(ward: &Ward, text: &str, mode: u32) -> String {
    let file = ward.home().join("root.key");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    file.to_str().unwrap().to_owned()
}

/// What both commands say who look at the settings before anything else.
fn refused(ward: &Ward, settings: &[(&str, &str)]) -> String {
    let said = ["check-config", "serve"].map(|command| ward.fails(command, settings));
    assert_eq!(said[0], said[1], "what is told before the start is another story");
    assert!(!ward.data().exists(), "something was made");
    said[0].clone()
}

#[test]
fn without_a_key_that_only_its_owner_reads_nothing_starts() {
    let ward = Ward::idle();
    let said = refused(&ward, &[PRODUCTION]);
    assert!(said.contains("`WARD_ROOT_KEY_FILE` or `WARD_ROOT_KEY` is required in production"), "{said}");
    for (text, mode, why) in [
        (KEY, 0o644, "must be readable by its owner alone (mode 0600)"),
        (KEY, 0o620, "must be readable by its owner alone (mode 0600)"),
        (&KEY[2..], 0o600, "is no key: a key has 32 bytes, or 64 hexadecimal digits"),
        ("", 0o600, "is no key: a key has 32 bytes, or 64 hexadecimal digits"),
        (&"0".repeat(64), 0o600, "is no key: a key must be random"),
    ] {
        let file = put(&ward, text, mode);
        for mode in [PRODUCTION, ("WARD_MODE", "development")] {
            let said = refused(&ward, &[mode, ("WARD_ROOT_KEY_FILE", &file)]);
            assert!(
                said.contains("the root key that `WARD_ROOT_KEY_FILE` names") && said.contains(why),
                "{said}"
            );
        }
    }
}

#[test]
fn production_starts_with_no_database_that_a_network_leads_to() {
    let ward = Ward::idle();
    let settings = [
        PRODUCTION,
        ("WARD_ROOT_KEY_FILE", &*put(&ward, KEY, 0o600)),
        ("WARD_DATABASE_URL", "postgres://ward_app:s3cret@192.0.2.7/ward"),
    ];
    let said = refused(&ward, &settings);
    assert!(said.contains("`WARD_DATABASE_URL` is on another machine"), "{said}");
    assert!(!said.contains("s3cret") && !said.contains("192.0.2.7"), "{said}");
}

/// On one that is fixed production serves and isolation is proven; so it is the version that is refused.
#[test]
fn a_server_with_known_holes_is_refused_in_production_and_told_of_in_development() {
    const WHY: &str = "PostgreSQL 15.19 has known holes in row-level security, fixed in 15.20";
    let claim = |ward: &mut Ward| {
        ward.until("checked", |ward| {
            let trust = ward.client("").get("/trust.json").ok()?.json();
            let mut claims = trust["claims"].as_array().unwrap().iter();
            let isolation = claims.find(|claim| claim["id"] == "tenant-isolation").unwrap();
            isolation["last_run"].is_string().then(|| isolation.clone())
        })
    };
    let (old, fixed) = (Doctored::new("150019"), Doctored::new("150020"));
    let mut ward = Ward::idle();
    let key = put(&ward, KEY, 0o600);

    let said =
        ward.fails("serve", &[PRODUCTION, ("WARD_ROOT_KEY_FILE", &key), ("WARD_DATABASE_URL", &old.url())]);
    assert!(said.ends_with(&format!("production refuses this database server: {WHY}")), "{said}");

    ward.set(&[("WARD_ROOT_KEY_FILE", &key), ("WARD_DATABASE_URL", &old.url())]);
    ward.start_again();
    let degraded = claim(&mut ward);
    assert_eq!(degraded["status"], "degraded", "{degraded}");
    assert!(degraded["observed"].as_str().unwrap().contains(WHY), "{degraded}");
    assert!(ward.client("").get("/trust").unwrap().text.contains(WHY));
    let log = String::from_utf8_lossy(&ward.logs()).into_owned();
    assert!(log.contains("tenant isolation is in doubt") && log.contains(WHY), "{log}");
    ward.stop();

    ward.set(&[PRODUCTION, ("WARD_DATABASE_URL", &fixed.url())]);
    ward.start_again();
    let proven = claim(&mut ward);
    assert_eq!(proven["status"], "active", "{proven}");
    ward.stop();
}

#[test]
fn the_rule_that_keeps_ward_from_serving_is_named_in_its_log() {
    let mut ward = Ward::start("warn");
    ward.postgres().ask("CREATE TABLE public.notes (note text)");
    ward.kill();
    ward.launch();
    let named = |ward: &Ward| {
        String::from_utf8_lossy(&ward.logs()).contains("R01 public.notes: row-level security is off")
    };
    ward.until("named", |ward| named(ward).then_some(()));
    ward.kill();
}

#[test]
fn operators_are_told_of_health_and_readiness_and_nothing_else() {
    let mut ward = Ward::idle();
    ward.set(&[("WARD_ADMIN_LISTEN", "127.0.0.1:0")]);
    ward.start_again();
    let operators = ward.operators();
    for path in ["/health", "/ready"] {
        assert_eq!(operators.get(path).unwrap().status, 200, "{path}");
    }
    for path in ["/", "/trust", "/v1/me", "/openapi.json", "/docs"] {
        let answer = operators.get(path).unwrap();
        assert_eq!(
            (answer.status, &answer.json()["type"]),
            (404, &"urn:ward:problem:absent".into()),
            "{path}"
        );
    }
    ward.stop();
}

#[test]
fn a_signal_in_the_middle_of_a_start_leaves_no_server_behind() {
    let mut ward = Ward::idle();
    for pauses in [3, 6, 10, 15, 22, 30, 2, 4, 6] {
        ward.launch();
        (0..pauses).for_each(|_| pause());
        ward.stop();
        assert_eq!(ward.postgres().pid(), None, "after {pauses} pauses");
    }
    ward.start_again();
}

#[test]
fn a_panic_is_one_line_of_the_log_that_tells_where_and_not_what() {
    let ward = Ward::idle();
    let full = File::options().write(true).open("/dev/full").unwrap(); // printing to it panics
    let said = ward.command().arg("check-config").stdout(full).output().unwrap();
    assert_eq!(said.status.code(), Some(101), "it did not panic");
    let log = String::from_utf8(said.stderr).unwrap();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let panicked = lines.iter().find(|line| line["fields"]["message"] == "panicked").unwrap();
    assert_eq!(
        (panicked["level"].as_str(), panicked["fields"]["thread"].as_str()),
        (Some("ERROR"), Some("main"))
    );
    assert!(panicked["fields"]["place"].as_str().unwrap().contains(".rs:"), "{panicked}");
    assert!(!log.contains("printing") && !log.contains("os error"), "{log}");
    assert_eq!(lines.len(), log.lines().filter(|line| !line.starts_with("warning: ")).count(), "{log}");
}

#[test]
fn refuted_isolation_is_in_the_log_at_once_by_rule_and_object() {
    let mut ward = Ward::start("warn");
    let client = ward.client(&ward.found("Clinic").key);
    ward.until("checked", |_| {
        let trust = client.get("/trust.json").ok()?.json();
        let mut claims = trust["claims"].as_array()?.iter();
        claims.all(|claim| claim["kind"] != "proven" || claim["last_run"].is_string()).then_some(())
    });
    ward.postgres().ask("ALTER TABLE ward.subject DISABLE ROW LEVEL SECURITY");
    let path = "/v1/claims/tenant-isolation/check";
    let checked = client.send(Method::POST, path, &[("content-type", "application/json")], "{}").unwrap();
    assert_eq!(checked.status, 200, "{}", checked.text);

    let log = String::from_utf8(ward.logs()).unwrap();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let errors: Vec<_> = lines.filter(|line| line["level"] == "ERROR").collect();
    let told: Vec<_> = errors.iter().filter_map(|line| line["fields"]["finding"].as_str()).collect();
    assert!(
        told.iter().any(|finding| finding.starts_with('R') && finding.contains(" ward.subject: ")),
        "{log}"
    );
    ward.stop();
}

#[test]
fn what_is_answered_with_503_is_found_in_the_log_by_its_instance() {
    let mut ward = Ward::start("info");
    let tenant = ward.found("Clinic");
    ward.postgres().ask("REVOKE SELECT ON ward.subject FROM ward_app");
    let answer = ward.client(&tenant.key).get("/v1/subjects").unwrap();
    assert_eq!(answer.status, 503, "{}", answer.text);
    let instance = answer.json()["instance"].as_str().unwrap().to_owned();
    assert!(!answer.text.contains("42501"), "{}", answer.text);
    ward.stop();
    let logs = String::from_utf8(ward.logs()).unwrap();
    let lines: Vec<_> = logs.lines().filter(|line| line.contains(&instance)).collect();
    let told = |what: &str| lines.iter().any(|line| line.contains(what));
    assert!(told("failed closed") && told("SQLSTATE 42501") && told("findSubjects"), "{lines:?}");
}
