//! A log that let go of its oldest entries, over HTTP: what it says, what it still shows, and what verifiers make of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use ward_testkit::{Collector, Protocol};

use crate::proofs::key;
use crate::support::{Client, Deployment, Outcome, Tenant};

/// Everything is old; but only the month before this one can go, as others still write.
const OLD: &str = "
    CREATE OR REPLACE FUNCTION ward.kept_from(years integer, at timestamptz) RETURNS timestamp LANGUAGE sql STABLE
        AS 'SELECT date_trunc(''month'', at AT TIME ZONE ''UTC'') + interval ''1 month''';
    CREATE OR REPLACE FUNCTION ward.droppable(years integer) RETURNS TABLE (month timestamp, part regclass) LANGUAGE sql STABLE
        AS 'SELECT m.month, m.part FROM ward.months() m WHERE m.month < date_trunc(''month'', now() AT TIME ZONE ''UTC'')'";

/// What the month before this one left.
const DROPPED: &str = "SELECT FROM pg_class WHERE relname = 'audit_leaf_rest' AND relispartition";

/// Makes room for that month again at the next start, since it isn't old in truth.
const ROOM: &str = "DROP TABLE ward.audit_leaf_rest";

/// The verdict of both verifiers, which have to agree.
async fn verified(file: &Path, key: &str) -> Outcome<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify/ward_verify.py");
    let file = file.to_string_lossy().into_owned();
    let words = [file, "--key".into(), key.trim().into(), "--json".into()];
    let other = Command::new("python3").arg(script).args(&words).output()?;
    let words = [&["verify".to_owned()], &words[..]].concat();
    let done = tokio::task::spawn_blocking(move || ward_cli::run(&words, None)).await?;
    let (own, other): (Value, Value) =
        (serde_json::from_str(&done.said)?, serde_json::from_slice(&other.stdout)?);
    for part in ["verdict", "what", "pruned", "reason", "count"] {
        assert_eq!(own[part], other[part], "{part}: {own} {other}");
    }
    assert_eq!(own["verdict"], "verified", "{own}");
    Ok(own)
}

async fn command(deployment: &Deployment, client: &Client, words: &[String]) -> Outcome<Value> {
    let url = format!("http://{}", deployment.address());
    let words: Vec<_> = words.iter().cloned().chain(["--url".to_owned(), url, "--json".to_owned()]).collect();
    let key = client.key().to_owned();
    let done = tokio::task::spawn_blocking(move || ward_cli::run(&words, Some(key))).await?;
    assert_eq!(done.code, 0, "{done:?}");
    Ok(serde_json::from_str(&done.said)?)
}

pub(crate) async fn eventually(what: &str, is_so: impl AsyncFn() -> Outcome<bool>) -> Outcome {
    for _ in 0..300 {
        if is_so().await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("not so: {what}").into())
}

/// A deployment that let go of the oldest entries of a tenant, what was kept of them, and whom to trust.
struct Old {
    deployment: Deployment,
    tenant: Tenant,
    kept: TempDir,
    trusted: String,
    /// The path of the first entry.
    first: String,
}

const FIRST: &str = "/v1/audit/events?action=tenant.founded";

impl Old {
    async fn new() -> Outcome<Self> {
        Self::whole().await?.let_go().await
    }

    /// One that lets go of nothing yet.
    async fn whole() -> Outcome<Self> {
        let (deployment, kept) = (Deployment::start("workforce").await?, TempDir::new()?);
        let tenant = deployment.tenant("Clinic").await?;
        let visits: Vec<_> = (0..600).map(|_| json!({ "action": "visit.planned" })).collect();
        tenant.client.post("/v1/audit/events", json!(visits)).await?.expect(201)?;
        let trusted = key(&tenant.client).await?;
        let id = tenant.client.get(FIRST).await?.expect(200)?["items"][0]["id"].clone();
        let first = format!("/v1/audit/events/{}", id.as_str().ok_or("no id")?);
        let proof = tenant.client.get(&format!("{first}/proof")).await?;
        std::fs::write(kept.path().join("old.json"), &proof.body)?;
        command(&deployment, &tenant.client, &online(&trusted, &kept)).await?;

        deployment.database.run("ward_owner", OLD).await?;
        Ok(Self { deployment, tenant, kept, trusted, first })
    }

    async fn let_go(mut self) -> Outcome<Self> {
        self.deployment = self.deployment.set(&[("WARD_LOG_KEEP_YEARS", "6")]).await?;
        let key = self.tenant.client.key().to_owned();
        self.tenant.client = Client::new(self.deployment.address(), Some(key));
        let gone = async || Ok(self.tenant.client.get(BUNDLE).await?.status != 200);
        eventually("entries are let go", gone).await?;
        Ok(self)
    }

    /// Both verifiers take the log as it is served, and as it is copied. Says where it begins.
    async fn verified_from(&self) -> Outcome<u64> {
        let again =
            command(&self.deployment, &self.tenant.client, &online(&self.trusted, &self.kept)).await?;
        assert_eq!(again["pruned"], again["from"], "{again}");
        let copy = self.file("copy");
        let mirror = ["audit", "mirror", copy.to_str().ok_or("no text")?].map(str::to_owned);
        command(&self.deployment, &self.tenant.client, &mirror).await?;
        assert_eq!(verified(&copy, &self.trusted).await?["pruned"], again["pruned"]);
        Ok(again["pruned"].as_u64().ok_or("no number")?)
    }

    async fn drops_a_month(&self) -> Outcome {
        let dropped = async || Ok(self.deployment.database.run("postgres", DROPPED).await? == 1);
        eventually("a month is dropped", dropped).await
    }

    async fn get(&self, path: &str, status: u16) -> Outcome<Value> {
        self.tenant.client.get(path).await?.expect(status)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.kept.path().join(name)
    }
}

const BUNDLE: &str = "/v1/audit/tile/entries/000";

/// How the log is verified, from what was seen of it.
fn online(key: &str, kept: &TempDir) -> Vec<String> {
    let state = kept.path().join("state").to_string_lossy().into_owned();
    ["audit", "verify", "--full", "--key", key.trim(), "--state", &state].map(str::to_owned).to_vec()
}

#[tokio::test]
async fn a_log_that_let_go_of_entries_says_so_and_is_verified_from_where_it_begins() -> Outcome {
    let old = Old::new().await?;
    let refused = old.get(BUNDLE, 404).await?;
    assert_eq!(refused["type"], "urn:ward:problem:pruned");
    assert_eq!(refused["detail"], "entries before 512 are no longer kept");
    let said = old.get("/v1/audit/events?action=audit.pruned", 200).await?;
    assert_eq!(said["items"].as_array().map(Vec::len), Some(1), "{said}");
    assert_eq!(said["items"][0]["details"]["first"], "512");
    old.get(&old.first, 404).await?;
    old.get(&format!("{}/proof", old.first), 404).await?;
    assert_eq!(old.get(FIRST, 200).await?["items"], json!([]));

    verified(&old.file("old.json"), &old.trusted).await?;
    assert_eq!(old.verified_from().await?, 512);

    old.drops_a_month().await?;
    old.get("/v1/audit/events?limit=200", 200).await?;
    Ok(())
}

#[tokio::test]
async fn exports_and_deliveries_begin_where_the_log_does() -> Outcome {
    let old = Old::new().await?;
    let export = old.tenant.client.get("/v1/audit/export?format=ndjson").await?;
    let last: Value = serde_json::from_str(export.text().lines().last().ok_or("nothing")?)?;
    assert_eq!(last["index"], 512, "{last}");
    for query in ["", "&from=2020-01-01T00:00:00Z"] {
        let path = format!("/v1/audit/export?format=csv&proof=true{query}");
        std::fs::write(old.file("proof"), &old.tenant.client.get(&path).await?.body)?;
        assert_eq!(verified(&old.file("proof"), &old.trusted).await?["pruned"], 512);
    }

    old.drops_a_month().await?;
    old.deployment.database.run("ward_owner", ROOM).await?;
    let mut deployment = old.deployment;
    for begin in ["", "&begin=2020-01-01T00:00:00Z"] {
        let collector = Collector::start(Protocol::Syslog, old.kept.path())?;
        let (port, ca) = (collector.address().port(), collector.authority().display());
        let sink = format!("syslog+tls://localhost:{port}#ca={ca}{begin}");
        deployment = deployment.set(&[("WARD_LOG_SINKS", &sink)]).await?;
        let mine = format!("deviceExternalId={} ", old.tenant.id);
        let first = || {
            let line = collector.taken().into_iter().find(|line| line.contains(&mine))?;
            Some(line.split_once(" WardApiIndex=")?.1.split(' ').next()?.to_owned())
        };
        eventually("the log is delivered", async || Ok(first().is_some())).await?;
        assert_eq!(first().as_deref(), Some("512"), "{begin}");
    }
    Ok(())
}

/// Words of tiles that were let go of.
const LEFT: &str = "SELECT FROM ward.audit_word WHERE tenant = 'TENANT' AND tile < 2";

/// As it is where Ward ended before it forgot them.
const CUT_SHORT: &str = "
    SET session_replication_role = replica;
    INSERT INTO ward.audit_word (tenant, word, tile, hits)
    SELECT tenant, word, 0, hits FROM ward.audit_word WHERE tenant = 'TENANT' AND tile = 2";

#[tokio::test]
async fn what_was_left_of_dropped_entries_is_forgotten_when_nothing_more_can_go() -> Outcome {
    let old = Old::new().await?;
    let of = |sql: &str| sql.replace("TENANT", &old.tenant.id);
    let (left, cut_short) = (of(LEFT), of(CUT_SHORT));
    let none_left = async |deployment: &Deployment| -> Outcome<bool> {
        Ok(deployment.database.run("postgres", left.as_str()).await? == 0)
    };
    eventually("all is forgotten", async || none_left(&old.deployment).await).await?;
    old.drops_a_month().await?;
    old.deployment.database.run("ward_owner", ROOM).await?;
    assert!(old.deployment.database.run("postgres", cut_short).await? > 0);
    let deployment = old.deployment.set(&[("WARD_LOG_KEEP_YEARS", "6")]).await?;
    eventually("the rest is forgotten", async || none_left(&deployment).await).await
}

/// Writes on until it is told to end; says which entries it was told are stored.
async fn written(client: &Client, ended: &AtomicBool) -> Outcome<Vec<String>> {
    let mut stored = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        let visits = vec![json!({ "action": "visit.planned" }); 1 + stored.len() % 7];
        let made = client.post("/v1/audit/events", json!(visits)).await?.expect(201)?;
        let ids = made["ids"].as_array().into_iter().flatten();
        stored.extend(ids.filter_map(Value::as_str).map(str::to_owned));
    }
    Ok(stored)
}

#[tokio::test]
async fn whatever_is_written_while_a_log_lets_go_of_entries_is_there_and_verified() -> Outcome {
    let old = Old::whole().await?;
    let replica = old.deployment.replica().await?;
    let (client, ended) = (replica.anonymous().with_key(old.tenant.client.key()), AtomicBool::new(false));
    let lets_go = async {
        let old = old.let_go().await;
        let dropped = match &old {
            Ok(old) => old.drops_a_month().await,
            Err(_) => Ok(()),
        };
        ended.store(true, Ordering::Relaxed);
        dropped.and(old)
    };
    let writers = join_all((0..4).map(|_| written(&client, &ended)));
    let (old, stored) = tokio::join!(lets_go, writers);
    let (old, stored) = (old?, stored.into_iter().collect::<Outcome<Vec<_>>>()?.concat());
    replica.stop().await?;
    let first = old.verified_from().await?;

    let export = old.tenant.client.get("/v1/audit/export?format=ndjson").await?.text();
    let lines = export.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let places: Vec<_> = lines.iter().rev().filter_map(|line| line["index"].as_u64()).collect();
    assert_eq!(places, (first..first + lines.len() as u64).collect::<Vec<_>>());
    let there: BTreeSet<_> = lines.iter().filter_map(|line| line["id"].as_str()).collect();
    let gone = stored.iter().filter(|id| !there.contains(&***id)).count() as u64;
    assert!(stored.len() > 20 && gone <= first - 512, "{gone} of {}", stored.len());
    Ok(())
}
