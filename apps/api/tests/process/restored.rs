//! A base backup that is restored: nobody is served before everybody is erased again who was since.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use ureq::http::Method;

use crate::ward::{Tenant, Ward};

const REASON: &str = r#"{"reason":"requested"}"#;

/// A Ward with a ledger, and the two people that it begins with.
struct Restorable {
    ward: Ward,
    tenant: Tenant,
    ledger: PathBuf,
}

impl Restorable {
    fn new() -> Self {
        let mut ward = Ward::idle();
        let ledger = ward.home().join("ledger");
        fs::create_dir(&ledger).unwrap();
        ward.set(&[
            ("WARD_ERASURE_LEDGER", &format!("file://{}", ledger.display())),
            ("WARD_BACKUPS_KEPT_DAYS", "7"),
        ]);
        ward.start_again();
        let tenant = ward.found("Restored");
        Self { ward, tenant, ledger }
    }

    fn send(&self, method: Method, path: &str, body: &str) -> (u16, Value) {
        let client = self.ward.client(&self.tenant.key);
        let answer = client.send(method, path, &[("content-type", "application/json")], body).unwrap();
        (answer.status, answer.json())
    }

    fn get(&self, path: &str) -> Value {
        let (status, shown) = self.send(Method::GET, path, "");
        assert_eq!(status, 200, "{path}: {shown}");
        shown
    }

    fn person(&self, name: &str) -> String {
        let person = json!({ "kind": "patient", "fields": { "given_name": name, "email": format!("{name}@example.org") } });
        let (status, made) = self.send(Method::POST, "/v1/subjects", &person.to_string());
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    /// Erases somebody, and waits until the ledger has them.
    fn erase(&mut self, id: &str) -> Value {
        let path = format!("/v1/subjects/{id}/erasure");
        let (status, erased) = self.send(Method::POST, &path, REASON);
        assert_eq!(status, 200, "{erased}");
        let (client, path) = (self.ward.client(&self.tenant.key), path);
        self.ward.until("in the ledger", |_| {
            let shown = client.get(&path).unwrap().json();
            shown["ledger"]["number"].is_u64().then_some(shown)
        })
    }

    fn backup(&self) -> PathBuf {
        let backup = self.ward.home().join("backup");
        let at = backup.to_str().unwrap();
        self.ward.postgres().run("pg_basebackup", &["--no-password", "--checkpoint=fast", "--pgdata", at]);
        backup
    }

    /// Stops everything, and puts the backup where the database was.
    fn restore(&mut self, backup: &Path) {
        self.ward.stop();
        let files = self.ward.postgres().files();
        fs::rename(&files, self.ward.home().join("lost")).unwrap();
        let copied = Command::new("cp").arg("-a").args([backup, &*files]).status().unwrap();
        assert!(copied.success());
        // PostgreSQL may run as somebody else than these tests.
        let lost = format!("--reference={}", self.ward.home().join("lost").display());
        let given = Command::new("chown").args(["-R", &lost]).arg(&files).status().unwrap();
        assert!(given.success());
    }

    fn entry(&self, number: u64) -> PathBuf {
        self.ledger.join(format!("localhost/erasures/{number:016}"))
    }

    /// How many keys there are that open anything of somebody's.
    fn keys(&self, id: &str) -> String {
        let keys =
            format!("SELECT count(*) FROM ward.wrapped_key WHERE subject = '{id}' AND bytes IS NOT NULL");
        self.ward.postgres().ask(&keys)[0][0].clone()
    }

    /// It answers, and serves nobody; and says why in its log.
    fn refuses(&mut self, why: &str) {
        self.ward.until("told why", |ward| says(ward, why));
        let client = self.ward.client(&self.tenant.key);
        let ready = client.get("/ready").unwrap();
        assert_eq!(ready.status, 503);
        assert!(ready.json()["detail"].as_str().unwrap().contains("erasures"), "{}", ready.text);
        let refused = client.get("/v1/subjects").unwrap();
        assert_eq!(refused.status, 503);
        assert!(refused.json()["type"].as_str().unwrap().ends_with("erasures-unsettled"), "{}", refused.text);
        assert_eq!(client.get("/health").unwrap().status, 200);
    }
}

fn says(ward: &Ward, words: &str) -> Option<()> {
    String::from_utf8_lossy(&ward.logs()).contains(words).then_some(())
}

#[test]
fn who_was_erased_after_a_backup_is_erased_again_before_anybody_is_served_from_it() {
    let mut all = Restorable::new();
    let [early, late, kept] = ["Ada", "Benedikt", "Cyd"].map(|name| all.person(name));
    all.erase(&early);
    let backup = all.backup();
    let unknown = all.person("Dora");
    // The key that is destroyed followed the one in the backup.
    let before = all.erase(&late);
    all.erase(&unknown);
    let shown = all.get(&format!("/v1/subjects/{kept}"));
    all.restore(&backup);

    let away = all.ward.home().join("away");
    fs::rename(&all.ledger, &away).unwrap();
    all.ward.start_unready();
    all.refuses("it isn't known who was erased since this database was backed up");
    assert_eq!(
        (all.keys(&early), all.keys(&late), all.keys(&kept)),
        ("0".into(), "1".into(), "1".into()),
        "they are back"
    );
    fs::rename(&away, &all.ledger).unwrap();
    all.ward.until_ready();

    assert_eq!((all.keys(&early), all.keys(&late), all.keys(&kept)), ("0".into(), "0".into(), "1".into()));
    assert_eq!(all.get(&format!("/v1/subjects/{late}"))["fields"], json!({}));
    assert_eq!(all.get("/v1/subjects?email=Benedikt@example.org")["items"], json!([]));
    assert_eq!(all.get(&format!("/v1/subjects/{kept}"))["fields"], shown["fields"]);
    let after = all.get(&format!("/v1/subjects/{late}/erasure"));
    for same in ["key_ids", "reason", "destroyed_at", "backups_kept_days"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    let effective = |record: &Value| record["effective_at"].as_str().map(str::to_owned);
    assert!(effective(&after) > effective(&before), "what was backed up between holds the key: {after}");
    assert_eq!((&after["ledger"]["number"], after["replayed_at"].is_string()), (&json!(2), true), "{after}");
    let told = all.get(&format!("/v1/audit/events?entity={late}&action=subject.erasure_replayed"));
    assert_eq!(told["items"].as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(
        all.send(Method::GET, &format!("/v1/subjects/{unknown}"), "").0,
        404,
        "the backup never knew them"
    );

    // The ledger goes on where it was, and what was done is done once.
    let next = all.erase(&kept);
    assert_eq!(next["ledger"]["number"], json!(4));
    all.ward.stop();
    all.ward.start_again();
    assert_eq!(all.get(&format!("/v1/subjects/{late}/erasure")), after);
    let logs = String::from_utf8_lossy(&all.ward.logs()).into_owned();
    assert!(!["Ada", "Benedikt", "Cyd", "Dora"].iter().any(|name| logs.contains(name)));
    all.ward.stop();
}

#[test]
fn no_ledger_that_somebody_meddled_with_has_anybody_erased_or_served() {
    let mut all = Restorable::new();
    let [first, late, kept] = ["Ada", "Benedikt", "Cyd"].map(|name| all.person(name));
    all.erase(&first);
    let backup = all.backup();
    all.erase(&late);
    let last = all.person("Dora");
    all.erase(&last);
    all.restore(&backup);
    let right = fs::read_to_string(all.entry(2)).unwrap();

    fs::remove_file(all.entry(2)).unwrap();
    all.ward.start_unready();
    all.refuses("entry 2 of the erasure ledger is missing");
    let forged = [
        ("garbage", "none of this".to_owned()),
        ("nobody's", String::new()),
        ("another's name", right.replace(&late, &kept)),
        ("another's place", fs::read_to_string(all.entry(3)).unwrap()),
        ("an older one", fs::read_to_string(all.entry(1)).unwrap()),
    ];
    for (what, text) in forged {
        let seen = String::from_utf8_lossy(&all.ward.logs())
            .matches("entry 2 of the erasure ledger is none")
            .count();
        fs::write(all.entry(2), &text).unwrap();
        all.ward.until(what, |ward| {
            let logs = String::from_utf8_lossy(&ward.logs()).into_owned();
            (logs.matches("entry 2 of the erasure ledger is none").count() > seen).then_some(())
        });
        all.refuses("is none of this deployment's");
        assert_eq!((all.keys(&late), all.keys(&kept)), ("1".into(), "1".into()), "{what}");
    }
    fs::rename(all.entry(1), all.entry(7)).unwrap();
    fs::write(all.entry(2), &right).unwrap();
    let missing = "entry 1 of the erasure ledger is missing";
    all.refuses(missing);
    fs::rename(all.entry(7), all.entry(1)).unwrap();
    all.ward.until_ready();
    assert_eq!((all.keys(&late), all.keys(&kept)), ("0".into(), "1".into()));
    all.ward.stop();
}

#[test]
fn whoever_decides_to_go_on_without_an_entry_that_is_gone_can_say_so() {
    let mut all = Restorable::new();
    let [early, lost, late] = ["Ada", "Benedikt", "Cyd"].map(|name| all.person(name));
    all.erase(&early);
    let backup = all.backup();
    all.erase(&lost);
    all.erase(&late);
    all.restore(&backup);
    fs::remove_file(all.entry(2)).unwrap();
    all.ward.start_unready();
    all.refuses("entry 2 of the erasure ledger is missing");

    let entry = fs::read_to_string(all.entry(3)).unwrap();
    let [tenant, person] = [2, 3].map(|line| entry.lines().nth(line).unwrap().to_owned());
    all.ward.postgres().ask(&format!(
        "INSERT INTO ward.erasure_entry (tenant, subject, number, entered_at, owed) VALUES ('{tenant}', '{person}', 3, now(), true)
         ON CONFLICT (tenant, subject) DO UPDATE SET number = 3, entered_at = now()"
    ));
    all.ward.until_ready();
    assert_eq!((all.keys(&lost), all.keys(&late)), ("1".into(), "0".into()));

    // One that the database knows is entered anew.
    all.ward.stop();
    fs::remove_file(all.entry(3)).unwrap();
    all.ward.start_unready();
    all.refuses("entry 3 of the erasure ledger is missing");
    let anew = "UPDATE ward.erasure_entry SET number = NULL, entered_at = NULL WHERE number = 3";
    all.ward.postgres().ask(anew);
    all.ward.until_ready();
    all.ward.stop();
}

#[test]
fn a_database_that_is_put_back_beneath_a_server_that_runs_has_people_erased_again() {
    let mut all = Restorable::new();
    let [early, late] = ["Ada", "Benedikt"].map(|name| all.person(name));
    all.erase(&early);
    let key = all
        .ward
        .postgres()
        .ask(&format!("SELECT encode(bytes, 'hex') FROM ward.wrapped_key WHERE subject = '{late}'"))[0][0]
        .clone();
    all.erase(&late);
    // As a restore would have it.
    all.ward.postgres().ask(&format!(
        "SET session_replication_role = replica;
         UPDATE ward.wrapped_key SET bytes = '\\x{key}', destroyed_at = NULL WHERE subject = '{late}';
         DELETE FROM ward.key_destroyed WHERE subject = '{late}'; DELETE FROM ward.erasure_entry WHERE subject = '{late}'"
    ));
    assert_eq!(all.keys(&late), "1");
    all.ward.until("noticed", |ward| says(ward, "it was put back"));
    all.ward.until_ready();
    assert_eq!(all.keys(&late), "0");
    let after = all.get(&format!("/v1/subjects/{late}/erasure"));
    assert_eq!((&after["ledger"]["number"], after["replayed_at"].is_string()), (&json!(2), true), "{after}");
    all.ward.stop();
}
