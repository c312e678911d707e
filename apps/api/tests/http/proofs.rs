//! The log as a tree, verified as an auditor does: with the command, and by what was kept before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use ward::audit::note::{Checkpoint, Note, VerifierKey};
use ward::audit::tree::{Hash, verify_consistency, verify_inclusion};
use ward_cli::Done;
use ward_testkit::Database;

use crate::imports::import;
use crate::looks::status;
use crate::support::{Client, Deployment, Outcome, Tenant, nobody};

/// The verifier's own word about the log of `client`, trusting `key`.
async fn verify(deployment: &Deployment, client: &Client, key: &str, state: &str) -> Outcome<Done> {
    let url = format!("http://{}", deployment.address());
    let words = ["audit", "verify", "--url", &url, "--key", key.trim(), "--state", state, "--json"];
    let (words, key) = (words.map(str::to_owned), client.key().to_owned());
    Ok(tokio::task::spawn_blocking(move || ward_cli::run(&words, Some(key))).await?)
}

/// A file for what the verifier remembers, which lasts as long as this does.
struct State(TempDir);

impl State {
    fn new() -> Outcome<Self> {
        Ok(Self(tempdir()?))
    }

    fn file(&self) -> String {
        self.0.path().join("state").to_string_lossy().into_owned()
    }
}

pub(crate) async fn key(client: &Client) -> Outcome<String> {
    Ok(client.get("/v1/audit/key").await?.text())
}

async fn head(client: &Client, key: &str) -> Outcome<Checkpoint> {
    let note = Note::parse(&client.get("/v1/audit/checkpoint").await?.text())?;
    note.verify(&[key.trim().parse::<VerifierKey>()?])?;
    Ok(Checkpoint::parse(&note)?)
}

fn path(told: &Value) -> Outcome<Vec<Hash>> {
    told["path"].as_array().into_iter().flatten().map(hash).collect()
}

fn hash(told: &Value) -> Outcome<Hash> {
    let bytes = STANDARD.decode(told.as_str().ok_or("no text")?)?;
    Ok(Hash(bytes.try_into().map_err(|_| "not 32 bytes")?))
}

pub(crate) async fn imported(tenant: &Tenant, count: usize) -> Outcome {
    let rows: String = (0..count).map(|_| format!("{},Ada\n", nobody())).collect();
    let csv = import("clinician", "text/csv", format!("external_ref,given_name\n{rows}"));
    tenant.client.send(&csv).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn every_entry_that_is_listed_is_proven() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    imported(&tenant, 300).await?;
    let key = key(&tenant.client).await?;
    let listed = tenant.client.get("/v1/audit/events?limit=200").await?.expect(200)?;
    for event in listed["items"].as_array().into_iter().flatten().step_by(13) {
        let id = event["id"].as_str().ok_or("no id")?;
        let proof = tenant.client.get(&format!("/v1/audit/events/{id}/proof")).await?.expect(200)?;
        let entry = proof["entry"].as_str().ok_or("no entry")?;
        let leaf = Hash::leaf(entry.as_bytes());
        assert_eq!(hash(&proof["leaf_hash"])?, leaf);
        assert_eq!(proof["leaf_index"], event["index"]);
        let note = Note::parse(proof["checkpoint"].as_str().ok_or("no checkpoint")?)?;
        note.verify(&[key.trim().parse::<VerifierKey>()?])?;
        let head = Checkpoint::parse(&note)?;
        assert_eq!(
            (proof["tree_size"].as_u64(), &head.origin),
            (Some(head.size), &format!("localhost/{}", tenant.id))
        );
        let place = (event["index"].as_u64().ok_or("no index")?, head.size);
        verify_inclusion(leaf, place, &path(&proof)?, head.root)?;

        let told: Value = serde_json::from_str(entry)?;
        for name in ["id", "action", "operation", "outcome"] {
            assert_eq!(told["event"][name], event[name], "{name}");
        }
        let whence = told["event"]["source"]["ip"].as_str();
        assert_eq!(
            whence.is_some(),
            event["source"]["ip"].is_string(),
            "an address is a commitment: {entry}"
        );
        assert!(!entry.contains("127.0.0.1"), "{entry}");
    }
    Ok(())
}

#[tokio::test]
async fn the_verifier_takes_the_log_as_it_grows() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let (key, state) = (key(&tenant.client).await?, State::new()?);
    for count in [1, 254, 300] {
        let before = head(&tenant.client, &key).await?;
        imported(&tenant, count).await?;
        tenant.client.get("/v1/audit/events?limit=1").await?.expect(200)?;
        let done = verify(deployment, &tenant.client, &key, &state.file()).await?;
        assert_eq!(done.code, 0, "{done:?}");

        let now = head(&tenant.client, &key).await?;
        assert!(now.size >= before.size + count as u64);
        let query = format!("/v1/audit/consistency?from={}&to={}", before.size, now.size);
        let told = tenant.client.get(&query).await?.expect(200)?;
        verify_consistency((before.size, before.root), (now.size, now.root), &path(&told)?)?;
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_in_the_log_is_not_proven() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let size = head(&tenant.client, &key(&tenant.client).await?).await?.size;
    let ask = async |path: &str| -> Outcome<u16> { Ok(tenant.client.get(path).await?.status) };
    assert_eq!(ask(&format!("/v1/audit/consistency?from=0&to={}", size + 1_000)).await?, 404);
    assert_eq!(ask("/v1/audit/consistency?from=2&to=1").await?, 404);
    assert_eq!(ask("/v1/audit/consistency?from=0").await?, 422);
    for tile in [
        "0/001",
        "1/000",
        "0/000",
        "0/000.p/255",
        "0/000.p/0",
        "0/0",
        "8/000",
        "entries/000.p/01",
        "x",
        "entries/x001/000",
        "..%2Fkey",
    ] {
        assert_eq!(ask(&format!("/v1/audit/tile/{tile}")).await?, 404, "{tile}");
    }
    Ok(())
}

/// What the database's master can do to a log, and what the verifier then says that remembers it.
const TAMPERED: [(&str, &str); 6] = [
    ("an entry removed", "DELETE FROM ward.audit_leaf l USING ward.audit_place p WHERE p.tenant = ID AND p.index = 3 AND l.tenant = ID AND l.id = p.leaf"),
    ("an entry rewritten", "UPDATE ward.audit_leaf l SET body = replace(body, 'success', 'denied') FROM ward.audit_place p WHERE p.tenant = ID AND p.index = 3 AND l.tenant = ID AND l.id = p.leaf"),
    ("an entry dated back", "UPDATE ward.audit_leaf l SET at = at - interval '1 second' FROM ward.audit_place p WHERE p.tenant = ID AND p.index = 3 AND l.tenant = ID AND l.id = p.leaf"),
    ("two entries in each other's place", "UPDATE ward.audit_place SET index = CASE index WHEN 3 THEN 1000 ELSE 3 END WHERE tenant = ID AND index IN (3, 4);
         UPDATE ward.audit_place SET index = 4 WHERE tenant = ID AND index = 1000"),
    ("the end cut off", "DELETE FROM ward.audit_place WHERE tenant = ID AND index >= 5;
         UPDATE ward.audit_head SET size = 5, root = decode(repeat('00', 32), 'hex') WHERE tenant = ID"),
    ("all set back to a head that was signed", "DELETE FROM ward.audit_place p USING public.kept k WHERE p.tenant = k.tenant AND p.index >= k.size;
         UPDATE ward.audit_head h SET size = k.size, root = k.root, note = k.note, latest = k.latest FROM public.kept k WHERE h.tenant = k.tenant"),
];
/// Keeps a head.
const KEEP: &str = "DROP TABLE IF EXISTS public.kept; CREATE TABLE public.kept AS SELECT * FROM ward.audit_head WHERE tenant = ID";

#[tokio::test]
async fn what_the_databases_master_does_to_a_log_shows() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    deployment.checked().await?; // none runs while the log is broken
    for (what, sql) in TAMPERED {
        let tenant = deployment.tenant("Clinic").await?;
        for entries in [3, 7] {
            tamper(&deployment.database, &tenant, KEEP).await?;
            imported(&tenant, entries).await?;
            tenant.client.get("/v1/audit/events?limit=1").await?.expect(200)?;
        }
        let (key, state) = (key(&tenant.client).await?, State::new()?);
        assert_eq!(verify(&deployment, &tenant.client, &key, &state.file()).await?.code, 0);
        tamper(&deployment.database, &tenant, sql).await?;
        let done = verify_all(&deployment, &tenant.client, &key).await?;
        let found = if done.code == 0 {
            verify(&deployment, &tenant.client, &key, &state.file()).await?
        } else {
            done
        };
        assert_ne!(found.code, 0, "{what}: {found:?}");

        assert_eq!(status(&tenant.client).await?, "failing", "{what}");
        tamper(&deployment.database, &tenant, "DELETE FROM ward.tenant_directory WHERE tenant = ID").await?;
    }
    Ok(())
}

/// Ways to damage one entry, and whether it is still there to be shown.
const DAMAGED: [(&str, bool); 3] = [
    (
        "DELETE FROM ward.audit_leaf l USING ward.audit_place p WHERE p.tenant = ID AND p.index = 3 AND l.tenant = ID AND l.id = p.leaf",
        false,
    ),
    (
        "UPDATE ward.audit_leaf l SET body = replace(body, 'success', 'denied') FROM ward.audit_place p WHERE p.tenant = ID AND p.index = 3 AND l.tenant = ID AND l.id = p.leaf",
        true,
    ),
    ("UPDATE ward.audit_place SET hash = sha256(hash) WHERE tenant = ID AND index = 3", true),
];

#[tokio::test]
async fn nobody_signs_for_an_export_with_an_entry_that_is_not_what_was_logged_and_a_list_says_so() -> Outcome
{
    let deployment = Deployment::start("workforce").await?;
    let export = "/v1/audit/export?format=csv&from=2020-01-01T00:00:00Z";
    let list = "/v1/audit/events?limit=200";
    for (sql, is_there) in DAMAGED {
        let tenant = deployment.tenant("Clinic").await?;
        imported(&tenant, 10).await?;
        let before = tenant.client.get(list).await?.expect(200)?;
        assert!(before.get("damaged").is_none(), "{before}");
        assert_eq!(tenant.client.get(export).await?.status, 200);

        tamper(&deployment.database, &tenant, sql).await?;
        assert!(tenant.client.get(export).await.is_err(), "{sql}: it is cut short");
        let listed = tenant.client.get(list).await?.expect(200)?;
        assert_eq!(listed["damaged"], 1, "{sql}: {listed}");
        let items: Vec<_> = listed["items"].as_array().into_iter().flatten().collect();
        assert!(items.len() > 8, "what is left is read: {listed}");
        let altered = items.iter().filter(|item| item.get("altered").is_some());
        let altered: Vec<_> = altered.map(|item| (&item["index"], &item["altered"])).collect();
        let expected: &[_] = if is_there { &[(&json!(3), &json!(true))] } else { &[] };
        assert_eq!(altered, expected, "{sql}");
        let Some(item) = items.iter().find(|item| item["index"] == 3) else { continue };
        let id = item["id"].as_str().ok_or("no id")?;
        let shown = tenant.client.get(&format!("/v1/audit/events/{id}")).await?.expect(200)?;
        assert_eq!(shown["altered"], true, "{sql}");
    }
    Ok(())
}

async fn verify_all(deployment: &Deployment, client: &Client, key: &str) -> Outcome<Done> {
    verify(deployment, client, key, &State::new()?.file()).await
}

pub(crate) async fn tamper(database: &Database, tenant: &Tenant, sql: &str) -> Outcome {
    let sql = sql.replace("ID", &format!("'{}'", tenant.id));
    database
        .run(
            "postgres",
            format!("SET session_replication_role = replica; {sql}; RESET session_replication_role"),
        )
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_log_that_is_not_what_was_signed_does_not_grow_and_is_still_read() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    for wrong in [
        "UPDATE ward.audit_place SET hash = sha256(hash) WHERE tenant = ID AND index = 0",
        "INSERT INTO ward.audit_place SELECT tenant, size, gen_random_uuid(), root
         FROM (SELECT * FROM ward.audit_head WHERE tenant = ID FOR UPDATE) h",
    ] {
        is_read_and_does_not_grow(&deployment, wrong).await?;
    }
    Ok(())
}

/// Waits until every entry has its place, so that no growth is under way.
async fn until_placed(database: &Database, tenant: &Tenant) -> Outcome {
    let placed = format!(
        "SELECT count(*) = coalesce((SELECT size FROM ward.audit_head WHERE tenant = '{0}'), 0) FROM ward.audit_leaf WHERE tenant = '{0}'",
        tenant.id
    );
    let mut root = database.connect("postgres").await?;
    for _ in 0..600 {
        if sqlx::query_scalar(sqlx::AssertSqlSafe(placed.as_str())).fetch_one(&mut root).await? {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Err("entries wait for their places".into())
}

async fn is_read_and_does_not_grow(deployment: &Deployment, wrong: &str) -> Outcome {
    let tenant = deployment.tenant("Clinic").await?;
    tenant.client.get("/v1/audit/events?limit=1").await?.expect(200)?;
    let key = key(&tenant.client).await?;
    until_placed(&deployment.database, &tenant).await?;
    tamper(&deployment.database, &tenant, wrong).await?;
    let before = head(&tenant.client, &key).await?;
    tenant.client.get("/v1/audit/events?limit=1").await?.expect(200)?;
    assert_eq!(head(&tenant.client, &key).await?, before);
    let waiting = format!(
        "SELECT id::text FROM ward.audit_leaf WHERE tenant = '{}' ORDER BY id DESC LIMIT 1",
        tenant.id
    );
    let mut root = deployment.database.connect("postgres").await?;
    let id: String = sqlx::query_scalar(sqlx::AssertSqlSafe(waiting)).fetch_one(&mut root).await?;
    let refused = tenant.client.get(&format!("/v1/audit/events/{id}/proof")).await?;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "not-yet-sequenced"));
    Ok(())
}
