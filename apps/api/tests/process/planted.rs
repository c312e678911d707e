//! Personal values through every operation that takes them, in good requests and in bad ones: none of them is anywhere afterwards.

use crate::needles::Needles;
use crate::visit::{AGENT, OWNER, Visit};
use crate::ward::{Tenant, Ward};

#[test]
fn no_personal_value_is_stored_or_logged_or_told_to_whoever_is_refused() {
    let mut ward = Ward::start("trace");
    let (clear, control) = ("Clearwater Hospital of Control", "Ebbing Clinic of Control");
    let tenant = ward.found_for(clear, Some(OWNER));
    let mut visit = Visit::of(&ward, &tenant);
    visit.rename(control);
    visit.people();
    visit.records();
    visit.imports();
    visit.keys();
    visit.searches();
    visit.bad_bodies();
    visit.bad_requests();
    let (needles, told, log) = (visit.needles, visit.told, read_log(&ward, &tenant));

    let (search, nothing) = (needles.search(), Vec::<String>::new());
    for answer in &told {
        assert_eq!(search.of(answer.as_bytes()), [], "in an answer: {answer}");
    }
    // Where a request came from is opened for whoever may read the log; everything else is as it is stored.
    assert_eq!(search.of(log.replace(AGENT, "").as_bytes()), [], "in the audit log, as the API shows it");
    let postgres = ward.postgres();
    let dump = postgres.run("pg_dump", &["--no-owner"]);
    assert_eq!(search.of(dump.as_bytes()), [], "in a dump");
    postgres.ask("CHECKPOINT");
    assert_eq!(search.below(&ward.data()), nothing, "in the data directory of a server that runs");
    ward.stop();
    assert_eq!(search.below(&ward.data()), nothing, "in the data directory");
    assert_eq!(search.of(&ward.logs()), [], "in the logs");

    // What is stored in clear is found by the same means, and the logs are those of a server that tells everything.
    let mut controls = Needles::default();
    controls.add(clear);
    let search = controls.search();
    assert_ne!(search.of(&postgres_wal(&ward)), [], "the WAL was searched");
    assert_ne!(search.below(&ward.postgres().files().join("base")), nothing, "the tables were searched");
    assert!(dump.contains(control), "the dump is one of all tenants");
    let logs = String::from_utf8_lossy(&ward.logs()).into_owned();
    assert!(
        logs.contains(r#""level":"DEBUG""#) && logs.contains("INSERT INTO"),
        "the log tells every statement"
    );
}

/// The whole audit log as the API shows it: entry by entry, and as a file.
fn read_log(ward: &Ward, tenant: &Tenant) -> String {
    let client = ward.client(&tenant.key);
    let mut log = client.get("/v1/audit/export?format=csv").unwrap().text;
    let mut path = "/v1/audit/events?limit=200".to_owned();
    loop {
        let page = client.get(&path).unwrap();
        assert_eq!(page.status, 200, "{}", page.text);
        log.push_str(&page.text);
        let Some(cursor) = page.json()["next_cursor"].as_str().map(str::to_owned) else { return log };
        path = format!("/v1/audit/events?limit=200&cursor={cursor}");
    }
}

fn postgres_wal(ward: &Ward) -> Vec<u8> {
    let files = std::fs::read_dir(ward.postgres().files().join("pg_wal")).unwrap();
    files.filter_map(|file| std::fs::read(file.unwrap().path()).ok()).flatten().collect()
}
