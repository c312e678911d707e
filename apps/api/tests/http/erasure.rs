//! Erasing somebody from beside the log: it stays whole, and nothing of them is found in it, whatever keys are left.

mod attacker;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use ward_postgres::launcher::Binaries;

use self::attacker::Attacker;
use crate::support::{Ask, Client, Deployment, Outcome, Tenant};

const MAIL: &str = "canary.wren@example.org";
const NOTE: &str = "Canary sang at dawn.";
const AGENT: &str = "CanaryBrowser/9.9";
const CANARIES: [&str; 3] = [MAIL, NOTE, AGENT];

/// Where their requests came from, as the database's master: Ward has no operation for it yet.
const ERASED: [&str; 2] = [
    "UPDATE ward.audit_leaf SET source = NULL WHERE TENANT AND body::json -> 'actor' ->> 'id' = 'ACTOR'",
    // Of words for addresses, the bits of entries without one.
    "UPDATE ward.audit_word w SET hits = w.hits & ~erased.hits FROM (
         SELECT p.index / 256 AS tile, bit_or(set_bit(0::bit(256), (p.index % 256)::integer, 1)) AS hits
         FROM ward.audit_place p JOIN ward.audit_leaf l ON l.tenant = p.tenant AND l.id = p.leaf
         WHERE p.TENANT AND l.source IS NULL GROUP BY 1) erased
     WHERE w.TENANT AND w.erasable AND w.tile = erased.tile",
];

/// A log in which somebody was changed by somebody else, and its customer.
struct Populated {
    deployment: &'static Deployment,
    tenant: Tenant,
    subject: String,
    actor: String,
    /// The entries that commit to what is erased.
    events: Vec<Value>,
    key: String,
}

impl Populated {
    async fn new() -> Outcome<Self> {
        let deployment = Deployment::shared().await?;
        let tenant = deployment.tenant("Clinic").await?;
        let all = ["subjects.create", "subjects.change", "subjects.read", "records.create", "records.change"];
        let (actor, client) = tenant.key("live", &all).await?;
        let subject =
            made(&client, "/v1/subjects", json!({ "kind": "patient", "fields": { "email": MAIL } })).await?;
        let path = format!("/v1/subjects/{subject}");
        by_agent(&client, "PATCH", &path, json!({ "fields": { "email": "new@example.org" } })).await?;
        let record = json!({ "category": "clinical_note", "fields": { "text": NOTE } });
        let record = made(&client, &format!("{path}/records"), record).await?;
        by_agent(
            &client,
            "PATCH",
            &format!("/v1/records/{record}"),
            json!({ "fields": { "text": "Silent." } }),
        )
        .await?;
        for n in 0..300 {
            tenant
                .client
                .post(
                    "/v1/audit/events",
                    json!({ "action": "visit.planned", "reason": format!("visit {n}") }),
                )
                .await?
                .expect(201)?;
        }
        let found = tenant.client.get(&format!("/v1/audit/events?actor={actor}")).await?.expect(200)?;
        let events = found["items"].as_array().ok_or("no items")?.clone();
        let key = tenant.client.get("/v1/audit/key").await?.text().trim().to_owned();
        Ok(Self { deployment, tenant, subject, actor, events, key })
    }

    async fn erase(&self) -> Outcome {
        let path = format!("/v1/subjects/{}/erasure", self.subject);
        self.tenant.client.post(&path, json!({ "reason": "requested" })).await?.expect(200)?;
        for sql in ERASED {
            let sql = sql.replace("TENANT", &format!("tenant = '{}'", self.tenant.id));
            let sql = sql.replace("ACTOR", &self.actor);
            assert_ne!(self.deployment.database.run("postgres", &*sql).await?, 0, "{sql}");
        }
        Ok(())
    }

    /// Everything that an auditor takes along: what to verify, each with the export that it proves.
    async fn taken(&self, directory: &Path) -> Outcome<Vec<Vec<String>>> {
        std::fs::create_dir(directory)?;
        let (client, mut taken) = (&self.tenant.client, Vec::new());
        let keep = async |name: &str, path: &str| -> Outcome<(String, Option<String>)> {
            let answer = client.get(path).await?;
            answer.expect(200)?;
            let file = directory.join(name);
            std::fs::write(&file, &answer.body)?;
            Ok((written(&file), answer.header("ward-log-size").map(str::to_owned)))
        };
        for (n, event) in self.events.iter().enumerate() {
            let id = event["id"].as_str().ok_or("no id")?;
            taken.push(vec![keep(&format!("{n}.json"), &format!("/v1/audit/events/{id}/proof")).await?.0]);
        }
        for format in ["csv", "ndjson", "ocsf", "fhir", "cef"] {
            let query = format!("/v1/audit/export?format={format}");
            let (export, size) = keep(format, &query).await?;
            let size = size.ok_or("no size")?;
            let proof = keep(&format!("{format}.proof"), &format!("{query}&size={size}&proof=true")).await?.0;
            taken.push(vec![proof, "--export".into(), export]);
        }
        let copy = written(&directory.join("copy"));
        let mirrored = self.ward(&["audit", "mirror", "--url", &self.url(), &copy]).await?;
        assert_eq!(mirrored.code, 0, "{mirrored:?}");
        taken.push(vec![copy]);
        Ok(taken)
    }

    /// Both verifiers verify all of it.
    async fn verifies(&self, taken: &[Vec<String>]) -> Outcome {
        for arguments in taken {
            let asked: Vec<_> = arguments.iter().map(String::as_str).chain(["--key", &self.key]).collect();
            let ours = self.ward(&[&["verify"], &*asked].concat()).await?;
            assert_eq!(ours.code, 0, "{arguments:?}: {ours:?}");
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify/ward_verify.py");
            let theirs = Command::new("python3").arg(script).args(&asked).output()?;
            assert!(theirs.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&theirs.stdout));
        }
        Ok(())
    }

    async fn ward(&self, words: &[&str]) -> Outcome<ward_cli::Done> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let key = self.tenant.client.key().to_owned();
        Ok(tokio::task::spawn_blocking(move || ward_cli::run(&words, Some(key))).await?)
    }

    fn url(&self) -> String {
        format!("http://{}", self.deployment.address())
    }

    /// What a dump of the whole database holds.
    fn dump(&self) -> Outcome<Vec<u8>> {
        let chosen = std::env::var_os("WARD_PG_BINDIR").map(PathBuf::from);
        let binaries = Binaries::installed(chosen.as_deref());
        let program = binaries.first().ok_or("no PostgreSQL")?.directory().join("pg_dump");
        let dump = Command::new(program).arg(self.deployment.database.url("postgres")).output()?;
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        Ok(dump.stdout)
    }
}

async fn made(client: &Client, path: &str, body: Value) -> Outcome<String> {
    let made =
        client.send(&Ask::new("POST", path).json(&body).header("user-agent", AGENT)).await?.expect(201)?;
    Ok(made["id"].as_str().ok_or("no id")?.to_owned())
}

async fn by_agent(client: &Client, method: &str, path: &str, body: Value) -> Outcome {
    client.send(&Ask::new(method, path).json(&body).header("user-agent", AGENT)).await?.expect(200)?;
    Ok(())
}

fn written(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The commitments in an event's exact text, by name.
async fn committed(client: &Client, event: &Value) -> Outcome<Vec<String>> {
    let id = event["id"].as_str().ok_or("no id")?;
    let proof = client.get(&format!("/v1/audit/events/{id}/proof")).await?.expect(200)?;
    let entry: Value = serde_json::from_str(proof["entry"].as_str().ok_or("no entry")?)?;
    let event = &entry["event"];
    let changes = event["changes"].as_object().into_iter().flat_map(|changes| changes.values());
    let values = changes.flat_map(|change| [&change["before"]["commitment"], &change["after"]["commitment"]]);
    let all = values.chain([&event["source"]["ip"], &event["source"]["agent"]]);
    Ok(all.filter_map(Value::as_str).map(str::to_owned).collect())
}

#[tokio::test]
async fn who_was_erased_leaves_a_log_that_verifies_and_nothing_to_guess_at() -> Outcome {
    let log = Populated::new().await?;
    let (client, directory) = (&log.tenant.client, TempDir::new()?);
    let state = written(&directory.path().join("state"));
    let online =
        ["audit", "verify", "--url", &log.url(), "--key", &log.key, "--state", &state].map(str::to_owned);
    let online: Vec<_> = online.iter().map(String::as_str).collect();
    let before = log.taken(&directory.path().join("before")).await?;
    assert_eq!(log.ward(&online).await?.code, 0);
    let shown = client.get(&format!("/v1/audit/events?actor={}", log.actor)).await?.expect(200)?.to_string();
    assert!(shown.contains(AGENT) && shown.contains("127.0.0.1"));
    let guesses = [MAIL, NOTE, AGENT, "new@example.org", "Silent.", "127.0.0.1"];
    let mut commitments = Vec::new();
    for event in &log.events {
        commitments.extend(committed(client, event).await?);
    }
    assert!(commitments.len() > 10, "{commitments:?}");
    let found =
        Attacker::with_all_that_is_left(log.deployment, &log.tenant).await?.finds(&commitments, &guesses);
    assert_eq!(found, 2 * log.events.len(), "with the salts, addresses and agents are guessed");

    log.erase().await?;
    let after = log.taken(&directory.path().join("after")).await?;
    log.verifies(&before).await?;
    log.verifies(&after).await?;
    assert_eq!(log.ward(&online).await?.code, 0, "the same log, grown");
    assert_eq!(log.ward(&[&online[..], &["--full"]].concat()).await?.code, 0);

    let listed = client.get(&format!("/v1/audit/events?actor={}", log.actor)).await?.expect(200)?;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(log.events.len()));
    for event in &log.events {
        let id = event["id"].as_str().ok_or("no id")?;
        let shown = client.get(&format!("/v1/audit/events/{id}")).await?.expect(200)?;
        assert_eq!((&shown["source"]["ip"], &shown["source"]["user_agent"]), (&json!(null), &json!(null)));
        assert_eq!(shown["changes"], event["changes"], "what was committed to stays");
        let values = client.get(&format!("/v1/audit/events/{id}/values")).await?.expect(200)?.to_string();
        assert!(!values.contains("shown"), "{values}");
    }
    let dump = String::from_utf8_lossy(&log.dump()?).into_owned();
    assert!(dump.contains(&log.tenant.id), "the dump is whole");
    for file in [dump, std::fs::read_to_string(directory.path().join("after/ndjson"))?] {
        assert_eq!(CANARIES.iter().find(|canary| file.contains(**canary)), None);
    }
    let attacker = Attacker::with_all_that_is_left(log.deployment, &log.tenant).await?;
    assert_eq!(attacker.finds(&commitments, &guesses), 0);
    Ok(())
}
