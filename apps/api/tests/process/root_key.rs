//! One root key after another, as an operator does it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use ureq::http::Method;

use crate::start::KEY;
use crate::ward::{Tenant, Ward};

/// A root key in a file.
fn key(ward: &Ward, name: &str, digits: &str) -> String {
    let file = ward.home().join(name);
    fs::write(&file, digits).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file.to_str().unwrap().to_owned()
}

fn settings(ward: &mut Ward, root: &str, beside: &str) {
    let beside = if beside.is_empty() { String::new() } else { format!("file://{beside}") };
    ward.set(&[("WARD_ROOT_KEY_FILE", root), ("WARD_ROOT_KEY_BESIDE", &beside)]);
}

fn person(ward: &Ward, tenant: &Tenant) -> String {
    let fields = json!({ "kind": "patient", "fields": { "given_name": "Ada", "family_name": "Lovelace" } });
    let headers = [("Content-Type", "application/json")];
    let made =
        ward.client(&tenant.key).send(Method::POST, "/v1/subjects", &headers, &fields.to_string()).unwrap();
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["id"].as_str().unwrap().to_owned()
}

fn is_there(ward: &Ward, tenant: &Tenant, id: &str) {
    let shown = ward.client(&tenant.key).get(&format!("/v1/subjects/{id}")).unwrap();
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert_eq!(shown.json()["fields"]["given_name"], "Ada");
}

fn follow(ward: &Ward) -> Value {
    serde_json::from_str(&ward.says(&["follow-root-key"])).unwrap()
}

#[test]
fn tenants_follow_from_one_root_to_another_and_nothing_is_sealed_anew() {
    let mut ward = Ward::idle();
    let (old, new) = (key(&ward, "old", KEY), key(&ward, "new", &KEY.chars().rev().collect::<String>()));
    ward.set(&[("WARD_LOG", "warn,ward_api::serve=info")]);
    settings(&mut ward, &old, "");
    ward.start_again();
    let tenant = ward.found("Followed");
    let before = person(&ward, &tenant);
    let followed = follow(&ward);
    assert_eq!((&followed["wrapped_anew"], &followed["failed"]), (&json!(0), &json!(0)), "{followed}");

    // The new root beside the old, then the other way round: all that was, and what is new, opens either time.
    ward.stop();
    settings(&mut ward, &old, &new);
    ward.start_again();
    is_there(&ward, &tenant, &before);
    ward.stop();
    settings(&mut ward, &new, &old);
    ward.start_again();
    is_there(&ward, &tenant, &before);
    let meanwhile = ward.found("Founded under the new root");
    let of_new = person(&ward, &meanwhile);

    // The deployment's own, three canaries' and the first tenant's with its sandbox: all but the newest two.
    let followed = follow(&ward);
    assert_eq!((&followed["already"], &followed["failed"]), (&json!(2), &json!(0)), "{followed}");
    assert!(followed["wrapped_anew"].as_u64() >= Some(3), "{followed}");
    assert_eq!(follow(&ward)["wrapped_anew"], 0);
    let told = ward.client(&tenant.key).get("/v1/audit/events?action=key.rewrapped").unwrap().json();
    assert_eq!(told["items"].as_array().map(Vec::len), Some(1), "{told}");

    // From now on the old root opens nothing, and the new one alone opens everything.
    ward.stop();
    settings(&mut ward, &new, "");
    ward.start_again();
    is_there(&ward, &tenant, &before);
    is_there(&ward, &meanwhile, &of_new);
    ward.stop();
    settings(&mut ward, &old, "");
    let mut said = ward.fails("follow-root-key", &[]);
    said.truncate(200);
    assert!(!said.is_empty());
}
