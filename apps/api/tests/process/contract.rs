//! schemathesis: requests made from the OpenAPI document, right ones and wrong ones, and every answer held against it.

mod report;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use ureq::http::Method;
use ward_testkit::tool;

use crate::ward::Ward;
use report::Report;

/// So many requests of each operation in each phase, at most; `WARD_TEST_EXAMPLES` asks for more.
const EXAMPLES: &str = "100";
/// The same requests each time; `WARD_TEST_SEED` asks for others.
const SEED: &str = "1";

const CHECKS: [&str; 14] = [
    "allow_header_conformance",
    "content_type_conformance",
    "ensure_resource_availability",
    "ignored_auth",
    "missing_required_header",
    "negative_data_rejection",
    "not_a_server_error",
    "object_level_authorization",
    "positive_data_acceptance",
    "response_headers_conformance",
    "response_schema_conformance",
    "status_code_conformance",
    "unsupported_method",
    "use_after_free",
];

#[test]
fn every_operation_answers_every_request_as_the_document_says() {
    let mut ward = Ward::start("warn");
    let document = ward.client("").get("/openapi.json").unwrap().json();
    let report = schemathesis(&ward);

    let phases = ["examples", "coverage", "fuzzing", "stateful"];
    assert_eq!(report.phases(), phases.into(), "{report}");
    assert_eq!(report.lacks(&CHECKS), Vec::<&str>::new(), "{report}");
    let operations = operations(&document);
    assert_eq!(report.untested(&operations), Vec::<String>::new(), "{report}");
    // Where no tenant may bring a key, every address is refused.
    assert_eq!(report.never_successful(&operations), ["PUT /v1/keys/external"], "{report}");
    assert_eq!(report.server_errors(), Vec::<String>::new(), "{report}");
    assert!(report.success, "{report}");
    ward.stop();
}

/// Method and path of every operation, as schemathesis calls it.
fn operations(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().unwrap().iter();
    let label = |path: &str, method: &str| format!("{} {path}", method.to_uppercase());
    paths
        .flat_map(|(path, of)| of.as_object().unwrap().keys().map(move |method| label(path, method)))
        .collect()
}

fn schemathesis(ward: &Ward) -> Report {
    let home = ward.data().with_file_name("contract");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("hooks.py"), include_str!("contract/hooks.py")).unwrap();
    fs::write(home.join("schemathesis.toml"), include_str!("contract/schemathesis.toml")).unwrap();
    let keys = ["one", "other"].map(|name| {
        json!({ "name": name, "fixedHeaders": [{ "name": "X-API-Key", "value": test_key(ward, name) }] })
    });
    fs::write(home.join("auth.json"), json!({ "auth": keys }).to_string()).unwrap();

    let mut run = Command::new(tool("schemathesis").unwrap_or_else(|missing| panic!("{missing}")));
    let chosen = |name, otherwise: &str| env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    run.current_dir(&home).arg("run").arg(format!("{}/openapi.json", ward.client("").url));
    run.args(["--checks=all", "--mode=all", "--phases=examples,coverage,fuzzing,stateful"]);
    run.args(["--continue-on-failure", "--no-color", "--report-ndjson-path=events"]);
    run.args(["--seed", &chosen("WARD_TEST_SEED", SEED)]);
    run.args(["--max-examples", &chosen("WARD_TEST_EXAMPLES", EXAMPLES)]);
    Report::read(&run.output().unwrap(), Path::new(&home.join("events")))
}

/// A key of a new tenant's, which may do everything in its sandbox.
fn test_key(ward: &Ward, name: &str) -> String {
    let client = ward.client(&ward.found(name).key);
    let me = client.get("/v1/me").unwrap().json();
    let new = json!({ "name": name, "mode": "test", "permissions": me["permissions"] });
    let json = [("content-type", "application/json")];
    let made = client.send(Method::POST, "/v1/api-keys", &json, &new.to_string()).unwrap();
    made.json()["key"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned()
}
