//! The log's key is followed by another, as an operator does it.

use ward_cli::Done;

use crate::ward::{Tenant, Ward};

fn verify(ward: &Ward, tenant: &Tenant, key: &str) -> Done {
    let url = ward.client("").url;
    let words = ["audit", "verify", "--url", &url, "--key", key];
    ward_cli::run(&words.map(str::to_owned), Some(tenant.key.clone()))
}

fn keys(ward: &Ward, tenant: &Tenant) -> Vec<String> {
    let told = ward.client(&tenant.key).get("/v1/audit/key").unwrap().text;
    told.lines().map(str::to_owned).collect()
}

#[test]
fn whoever_trusts_either_key_verifies_the_log_while_one_follows_the_other() {
    let mut ward = Ward::start("warn");
    let tenant = ward.found("Rotated");
    let [old] = &keys(&ward, &tenant)[..] else { panic!("one key was expected") };
    let new = ward.says(&["rotate-log-key", "--tenant", &tenant.id, "--overlap-days", "7"]);
    let new = new.trim();
    // Replicas learn of it within a minute: this one by being started anew.
    ward.stop();
    ward.start_again();
    ward.client(&tenant.key).get("/v1/audit/events").unwrap();
    ward.client(&tenant.key).get("/v1/audit/events").unwrap();
    assert_eq!(keys(&ward, &tenant), [new, old]);
    for key in [old, new] {
        let done = verify(&ward, &tenant, key);
        assert_eq!(done.code, 0, "{done:?}");
    }
    let found = ward.client(&tenant.key).get("/v1/audit/events?action=audit.key_rotated").unwrap().json();
    assert_eq!(found["items"][0]["details"]["key"], new);
    assert!(ward.says(&["log-keys"]).lines().any(|line| line == new));
    for wrong in [&["--tenant", "x"][..], &[], &["--tenant", &tenant.id, "--overlap-days", "0"], &["--all"]] {
        let done = ward.command().arg("rotate-log-key").args(wrong).output().unwrap();
        assert_eq!(done.status.code(), Some(1), "{wrong:?}");
    }
    ward.stop();
}
