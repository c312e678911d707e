//! Personal values through every operation that takes them, in good requests and in bad ones: none of them is anywhere afterwards.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::client::Client;
use crate::needles::Needles;
use crate::stolen::{self, Stolen};
use crate::visit::{AGENT, OWNER, Visit};
use crate::ward::{Tenant, Ward};

#[test]
fn no_personal_value_and_no_key_is_stored_or_logged_or_told_to_whoever_is_refused() {
    let (mut ward, outside) = begun();
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
    let person = visit.person_with_a_record();
    // Those of somebody who is about to be erased among them.
    let keys = stolen::keys(&ward, &tenant.id);
    visit.erase(&person);
    let (needles, told, log) = (visit.needles, visit.told, read_log(&ward, &tenant));
    let number = |client: &Client| {
        client.get(&format!("/v1/subjects/{person}/erasure")).unwrap().json()["ledger"]["number"].as_u64()
    };
    let client = ward.client(&tenant.key);
    ward.until("in the ledger", |_| number(&client));

    let (search, nothing) = (needles.search(), Vec::<String>::new());
    for answer in &told {
        assert_eq!(search.of(answer.as_bytes()), [], "in an answer: {answer}");
    }
    // Where a request came from is opened for whoever may read the log; everything else is as it is stored.
    assert_eq!(search.of(log.replace(AGENT, "").as_bytes()), [], "in the audit log, as the API shows it");
    let secrets = secrets(&keys);
    let secrets = secrets.search();
    let postgres = ward.postgres();
    let (dump, queue) =
        (postgres.run("pg_dump", &["--no-owner"]), postgres.run("pg_dump", &["--table=ward.job"]));
    let backup = ward.home().join("backup");
    postgres.run("pg_basebackup", &["--checkpoint=fast", "--pgdata", backup.to_str().unwrap()]);
    for text in [&dump, &queue] {
        assert_eq!((search.of(text.as_bytes()), secrets.of(text.as_bytes())), (vec![], vec![]), "in a dump");
    }
    for directory in [&backup, &outside] {
        assert_eq!(
            (search.below(directory), secrets.below(directory)),
            (vec![], vec![]),
            "outside of the database"
        );
    }
    postgres.ask("CHECKPOINT");
    assert_eq!(search.below(&ward.data()), nothing, "in the data directory of a server that runs");
    assert_eq!(secrets.below(&postgres.files()), nothing, "in the data directory of a server that runs");
    ward.stop();
    assert_eq!(search.below(&ward.data()), nothing, "in the data directory");
    let beside: Vec<_> = secrets.below(&ward.data());
    let root = ward.root_key().display().to_string();
    assert!(
        !beside.is_empty() && beside.iter().all(|hit| hit.starts_with(&root) && hit.contains("root")),
        "{beside:?}"
    );
    assert_eq!((search.of(&ward.logs()), secrets.of(&ward.logs())), (vec![], vec![]), "in the logs");

    // What is stored in clear is found by the same means, and the logs are those of a server that tells everything.
    let mut controls = Needles::default();
    controls.add(clear);
    let search = controls.search();
    assert_ne!(search.of(&postgres_wal(&ward.postgres().files())), [], "the WAL was searched");
    assert_ne!(search.below(&ward.postgres().files().join("base")), nothing, "the tables were searched");
    assert_ne!(search.below(&backup), nothing, "the backup was searched");
    assert!(dump.contains(control), "the dump is one of all tenants");
    assert!(queue.contains("COPY ward.job"), "the queue was searched");
    let mut controls = Needles::default();
    controls.add(&person);
    assert_ne!(controls.search().below(&outside), nothing, "the ledger was searched");
    let logs = String::from_utf8_lossy(&ward.logs()).into_owned();
    assert!(
        logs.contains(r#""level":"DEBUG""#) && logs.contains("INSERT INTO"),
        "the log tells every statement"
    );
}

/// A Ward that tells everything, and the folder in which it puts what is to lie outside of the database.
fn begun() -> (Ward, PathBuf) {
    let mut ward = Ward::idle();
    let outside = ward.home().join("outside");
    fs::create_dir(&outside).unwrap();
    let place = format!("file://{}", outside.display());
    ward.set(&[("WARD_LOG", "trace"), ("WARD_CHECKPOINTS", &place), ("WARD_ERASURE_LEDGER", &place)]);
    ward.start_again();
    (ward, outside)
}

/// Keys of every purpose, of people too.
fn secrets(keys: &[Stolen]) -> Needles {
    let mut secrets = Needles::default();
    for Stolen { purpose, octets } in keys {
        secrets.add_bytes(purpose, octets);
    }
    let purposes: BTreeSet<_> = keys.iter().map(|key| &*key.purpose).collect();
    assert!(
        purposes.len() == 11 && keys.len() > 12 && keys.iter().all(|key| key.octets.len() == 32),
        "{purposes:?}"
    );
    secrets
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

fn postgres_wal(cluster: &Path) -> Vec<u8> {
    let files = fs::read_dir(cluster.join("pg_wal")).unwrap();
    files.filter_map(|file| fs::read(file.unwrap().path()).ok()).flatten().collect()
}
