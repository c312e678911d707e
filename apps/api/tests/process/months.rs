//! The part of the log that is written to is dropped, or taken off the log, while Ward runs.

use ureq::http::Method;

use crate::ward::{Tenant, Ward};

const PART: &str = "SELECT 'ward.audit_leaf_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')";
const ATTACH: &str = "
    SELECT format('ALTER TABLE ward.audit_leaf ATTACH PARTITION ward.audit_leaf_%s FOR VALUES FROM (%L) TO (%L)', to_char(m, 'YYYY_MM'),
        ward.first_id(m AT TIME ZONE 'UTC'), ward.first_id((m + interval '1 month') AT TIME ZONE 'UTC'))
    FROM date_trunc('month', now() AT TIME ZONE 'UTC') m";

fn check(ward: &Ward, tenant: &Tenant) -> u16 {
    ward.client(&tenant.key).send(Method::POST, "/v1/claims/audit-proofs/check", &[], "").unwrap().status
}

fn status(ward: &Ward) -> String {
    let page = ward.client("").get("/trust.json").unwrap().json();
    let claim =
        page["claims"].as_array().unwrap().iter().find(|claim| claim["id"] == "audit-proofs").unwrap();
    claim["status"].as_str().unwrap().to_owned()
}

/// What isn't ready.
fn lacking(ward: &Ward) -> String {
    let answer = ward.client("").get("/ready").unwrap();
    assert_eq!(answer.status, 503, "{}", answer.text);
    answer.json()["detail"].as_str().unwrap().to_owned()
}

#[test]
fn a_month_that_is_taken_off_the_log_stops_what_is_logged_and_is_told_of_and_put_back() {
    let mut ward = Ward::start("warn");
    let tenant = ward.found("Ours");
    assert_eq!((check(&ward, &tenant), status(&ward)), (200, "active".into()));
    let part = ward.postgres().ask(PART)[0][0].clone();

    ward.postgres().ask(&format!("ALTER TABLE ward.audit_leaf DETACH PARTITION {part}"));
    assert!(lacking(&ward).contains("log"));
    assert_eq!(check(&ward, &tenant), 503, "nothing is done that can't be logged");
    assert_eq!(status(&ward), "failing");
    ward.kill();
    ward.start_unready();
    assert!(lacking(&ward).contains("log"));

    let attach = ward.postgres().ask(ATTACH)[0][0].clone();
    ward.postgres().ask(&attach);
    ward.until_ready();
    assert_eq!((check(&ward, &tenant), status(&ward)), (200, "active".into()));
    ward.stop();
}

#[test]
fn a_month_that_is_dropped_is_made_anew_and_what_was_in_it_is_missed() {
    let mut ward = Ward::start("warn");
    let tenant = ward.found("Ours");
    assert_eq!((check(&ward, &tenant), status(&ward)), (200, "active".into()));
    let part = ward.postgres().ask(PART)[0][0].clone();

    ward.postgres().ask(&format!("DROP TABLE {part}"));
    assert!(lacking(&ward).contains("log"));
    assert_eq!(check(&ward, &tenant), 503);
    ward.kill();
    ward.start_unready();
    ward.until_ready();
    assert_eq!((check(&ward, &tenant), status(&ward)), (200, "failing".into()));
    ward.stop();
}
