//! Work beside the requests of which something goes wrong, and several replicas that do it.

use std::thread;

use tokio::runtime::Runtime;
use ureq::http::Method;
use ward_testkit::Database;

use crate::start::{KEY, put};
use crate::ward::Ward;

/// Waits until `sql` answers with `wanted`.
fn until(ward: &mut Ward, sql: &str, wanted: &str) {
    let answer = |ward: &Ward| ward.postgres().ask(sql).into_iter().flatten().collect::<Vec<_>>().join(" ");
    ward.until(sql, |ward| (answer(ward) == wanted).then_some(()));
}

#[test]
fn a_check_that_can_not_be_run_is_tried_ever_more_rarely_then_given_up_and_seen_and_planned_anew() {
    let mut ward = Ward::start("warn");
    let waiting = "leased_until IS NULL AND run_at > now() + interval '1 minute'";
    until(&mut ward, &format!("SELECT bool_and({waiting}) FROM ward.job_lease"), "t");
    let ids = ward.postgres().ask("SELECT id FROM ward.job ORDER BY id LIMIT 2");
    let (poisoned, deadly) = (ids[0][0].clone(), ids[1][0].clone());
    let lease =
        |id: &str, set: &str| format!("UPDATE ward.job_lease SET run_at = now(), {set} WHERE id = '{id}'");
    let given_up =
        |id: &str| format!("SELECT attempts FROM ward.job WHERE id = '{id}' AND given_up_at IS NOT NULL");

    // One whose payload doesn't open fails.
    let poison = format!("UPDATE ward.job SET payload = decode('0011', 'hex') WHERE id = '{poisoned}'");
    ward.postgres().ask(&poison);
    ward.postgres().ask(&lease(&poisoned, "attempts = 3"));
    let put_off =
        "run_at BETWEEN now() + interval '200 s' AND now() + interval '240 s' AND leased_until IS NULL";
    until(
        &mut ward,
        &format!("SELECT attempts FROM ward.job_lease WHERE id = '{poisoned}' AND {put_off}"),
        "4",
    );
    ward.postgres().ask(&lease(&poisoned, "attempts = 11"));
    until(&mut ward, &given_up(&poisoned), "12");
    // One that ended its process each time was never put off.
    ward.postgres().ask(&lease(&deadly, "attempts = 12, leased_until = now() - interval '1 s'"));
    until(&mut ward, &given_up(&deadly), "13");

    let told = ward.says(&["jobs"]);
    assert_eq!(told.lines().count(), 2, "{told}");
    for id in [&poisoned, &deadly] {
        assert!(told.contains(&format!(r#""id":"{id}""#)), "{told}");
        until(&mut ward, &format!("SELECT count(*) FROM ward.job_lease WHERE id = '{id}'"), "0");
        let logged = format!(
            "SELECT count(*) FROM ward.audit_leaf WHERE body::json ->> 'action' = 'probe.abandoned' AND body::json -> 'entity' ->> 'id' = '{id}'"
        );
        until(&mut ward, &logged, "1");
        let log = String::from_utf8_lossy(&ward.logs()).into_owned();
        assert!(log.lines().any(|line| line.contains("a check was given up") && line.contains(id)), "{log}");
    }

    ward.stop();
    ward.start_again();
    for id in [&poisoned, &deadly] {
        until(
            &mut ward,
            &format!("SELECT attempts FROM ward.job_lease WHERE id = '{id}' AND {waiting}"),
            "0",
        );
    }
    assert_eq!(ward.says(&["jobs"]), "");
    ward.stop();
}

#[test]
fn a_tenant_whose_answers_can_not_be_forgotten_keeps_no_other_waiting() {
    let mut ward = Ward::start("warn");
    let tenants = ["Broken", "Sound"].map(|name| ward.found(name));
    for tenant in &tenants {
        let headers = [("idempotency-key", "once"), ("content-type", "application/json")];
        let body = r#"{"kind": "patient", "fields": {}}"#;
        let made = ward.client(&tenant.key).send(Method::POST, "/v1/subjects", &headers, body).unwrap();
        assert_eq!(made.status, 201, "{}", made.text);
    }
    let broken = &tenants[0].id;
    ward.postgres().ask("UPDATE ward.idempotency SET created_at = created_at - interval '2 days'");
    ward.postgres().ask(&format!("UPDATE ward.wrapped_key SET bytes = commitment WHERE tenant = '{broken}'"));
    ward.stop();
    ward.start_again();
    until(&mut ward, "SELECT tenant FROM ward.idempotency", broken);
    let log = String::from_utf8_lossy(&ward.logs()).into_owned();
    assert!(log.lines().any(|line| line.contains("answers are kept") && line.contains(broken)), "{log}");
    assert!(ward.fails("jobs", &[]).contains("1 tenants could not be looked into"));
    ward.stop();
}

#[test]
fn replicas_that_start_at_once_all_start() {
    for _ in 0..3 {
        let database = Runtime::new().unwrap().block_on(Database::create()).unwrap();
        let mut replicas = [0; 3].map(|_| {
            let mut ward = Ward::idle();
            let key = put(&ward, KEY, 0o600);
            ward.set(&[("WARD_ROOT_KEY_FILE", &key), ("WARD_DATABASE_URL", &database.url("ward_app"))]);
            ward
        });
        thread::scope(|scope| {
            for ward in &mut replicas {
                scope.spawn(|| ward.start_again());
            }
        });
        for ward in &mut replicas {
            ward.stop();
        }
        let planned = database.run("postgres", "SELECT FROM ward.job");
        assert_ne!(Runtime::new().unwrap().block_on(planned).unwrap(), 0);
    }
}
