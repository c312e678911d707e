//! Keys are followed by others, as an operator does it.

use serde_json::{Value, json};
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

const DEPLOYMENT: &str = "00000000-0000-7000-8000-000000000000";

#[test]
fn the_deployments_own_keys_are_followed_and_credentials_stay_good() {
    let mut ward = Ward::start("warn");
    let tenant = ward.found("Known by an old digest");
    let told: Value = serde_json::from_str(&ward.says(&["rotate-keys"])).unwrap();
    assert_eq!((&told["tenant"], &told["kinds_under_way"]), (&json!(DEPLOYMENT), &json!(9)));
    let ours = format!("FROM ward.rotation WHERE tenant = '{DEPLOYMENT}'");
    let made = format!(
        "SELECT count(*) FROM ward.wrapped_key WHERE tenant = '{DEPLOYMENT}' AND created_at > (SELECT min(begun_at) {ours})"
    );
    ward.until("the versions", |ward| (ward.postgres().ask(&made) == [["8"]]).then_some(()));

    // What takes three minutes is made older by the database's master.
    ward.kill();
    ward.postgres().ask(
        "SET session_replication_role = replica;
         UPDATE ward.wrapped_key SET created_at = created_at - interval '4 min';
         UPDATE ward.rotation SET begun_at = begun_at - interval '4 min'; UPDATE ward.job_lease SET run_at = now() WHERE kind = 'rotation'",
    );
    ward.start_again();
    let under_way = format!("SELECT count(*) {ours} AND state <> 'ended'");
    ward.until("the end", |ward| (ward.postgres().ask(&under_way) == [["0"]]).then_some(()));
    let newer = ward.found("Known by a new one");
    for known in [&tenant, &newer] {
        assert_eq!(ward.client(&known.key).get("/v1/me").unwrap().status, 200);
    }
    let unknown = ward.command().args(["rotate-keys", "--tenant", "x"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(1));
    ward.stop();
}
