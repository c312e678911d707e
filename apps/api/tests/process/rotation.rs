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
        let understood = !wrong.contains(&"--all");
        assert_eq!(done.status.code(), Some(if understood { 1 } else { 2 }), "{wrong:?}");
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

    // People's keys wait for nobody, and the deployment has none.
    ward.until("rest", |ward| {
        let rests = listed(ward);
        (rests.len() == 8 && rests.iter().all(|(_, why, _)| why == "settles")).then_some(())
    });

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
    let nobody = "00000000-0000-7000-8000-0000000000ff";
    let odd = ward.command().args(["rotate-keys", "--all"]).output().unwrap();
    assert_eq!(odd.status.code(), Some(2), "not understood");
    for (unknown, told) in [("x", "must be an id"), (nobody, "there is no tenant")] {
        for list in [&["rotate-keys"][..], &["rotate-keys", "--list"]] {
            let done =
                ward.command().arg(list[0]).args(["--tenant", unknown]).args(&list[1..]).output().unwrap();
            assert_eq!(done.status.code(), Some(1));
            let said = String::from_utf8(done.stderr).unwrap();
            assert!(said.lines().last().is_some_and(|last| last.contains(told)), "{said}");
        }
    }
    ward.stop();
}

/// The rotations of the deployment's own keys that are under way: of which, why they rest, and since when if that is a failure.
fn listed(ward: &Ward) -> Vec<(String, String, Value)> {
    let told = ward.says(&["rotate-keys", "--list"]);
    let one = |line: &str| {
        let told: Value = serde_json::from_str(line).unwrap();
        assert_eq!(told["tenant"], DEPLOYMENT);
        let word = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        (word("key"), word("rests"), told["failed_at"].clone())
    };
    told.lines().map(one).collect()
}

#[test]
fn a_rotation_of_the_deployments_own_that_rests_is_listed_with_why() {
    let mut ward = Ward::start("error");
    assert_eq!(listed(&ward), []);
    // What the audit key's version would be stored as is refused.
    ward.postgres().ask(
        "CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
         CREATE TRIGGER no BEFORE INSERT ON ward.wrapped_key FOR EACH ROW WHEN (NEW.purpose = 'audit') EXECUTE FUNCTION public.no()",
    );
    ward.says(&["rotate-keys"]);
    ward.until("the failure", |ward| {
        let audit = listed(ward).into_iter().find(|(key, ..)| key == "audit")?;
        (audit.1 == "failed").then(|| assert!(audit.2.is_string(), "{audit:?}"))
    });
    ward.postgres().ask(&format!(
        "UPDATE ward.rotation SET state = 'paused' WHERE tenant = '{DEPLOYMENT}' AND purpose = 'queue'"
    ));
    assert!(listed(&ward).iter().any(|(key, why, _)| (&**key, &**why) == ("queue", "paused")));

    ward.postgres().ask(
        "DROP TRIGGER no ON ward.wrapped_key; UPDATE ward.job_lease SET leased_until = NULL WHERE kind = 'rotation'",
    );
    ward.until("the end of the failure", |ward| {
        listed(ward).iter().any(|(key, why, _)| (&**key, &**why) == ("audit", "settles")).then_some(())
    });
    ward.stop();
}
