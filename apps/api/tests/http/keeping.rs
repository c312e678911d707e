//! A log that let go of its oldest entries, over HTTP: what it says, what it still shows, and what verifiers make of it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::proofs::key;
use crate::support::{Client, Deployment, Outcome, Tenant};

/// Everything is old; and no month goes, in which others still write.
const OLD: &str = "
    CREATE OR REPLACE FUNCTION ward.kept_from(years integer, at timestamptz) RETURNS timestamp LANGUAGE sql STABLE
        AS 'SELECT date_trunc(''month'', at AT TIME ZONE ''UTC'') + interval ''1 month''';
    CREATE OR REPLACE FUNCTION ward.droppable(years integer) RETURNS TABLE (month timestamp, part regclass) LANGUAGE sql STABLE
        AS 'SELECT NULL::timestamp, NULL::regclass WHERE false'";

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

async fn command(deployment: &Deployment, client: &Client, words: &[&str]) -> Outcome<Value> {
    let url = format!("http://{}", deployment.address());
    let words: Vec<_> =
        words.iter().chain(&["--url", &url, "--json"]).map(|word| (*word).to_owned()).collect();
    let key = client.key().to_owned();
    let done = tokio::task::spawn_blocking(move || ward_cli::run(&words, Some(key))).await?;
    assert_eq!(done.code, 0, "{done:?}");
    Ok(serde_json::from_str(&done.said)?)
}

/// A deployment, and a tenant with so many events of its own.
async fn recorded(events: usize) -> Outcome<(Deployment, Tenant)> {
    let deployment = Deployment::start("workforce").await?;
    let tenant = deployment.tenant("Clinic").await?;
    let visits: Vec<_> = (0..events).map(|_| json!({ "action": "visit.planned" })).collect();
    tenant.client.post("/v1/audit/events", json!(visits)).await?.expect(201)?;
    Ok((deployment, tenant))
}

/// Waits until the log lets go of its oldest entries.
async fn pruned(client: &Client) -> Outcome<Value> {
    for _ in 0..300 {
        let tile = client.get("/v1/audit/tile/entries/000").await?;
        if tile.status != 200 {
            return tile.expect(404);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("nothing was pruned".into())
}

#[tokio::test]
async fn a_log_that_let_go_of_entries_says_so_and_is_verified_from_where_it_begins() -> Outcome {
    let ((deployment, tenant), kept) = (recorded(600).await?, TempDir::new()?);
    let file = |name: &str| kept.path().join(name);
    let trusted = key(&tenant.client).await?;
    let state = file("state").to_string_lossy().into_owned();
    let online = ["audit", "verify", "--key", trusted.trim(), "--state", &state];
    command(&deployment, &tenant.client, &online).await?;
    let oldest = "/v1/audit/events?action=tenant.founded";
    let id = tenant.client.get(oldest).await?.expect(200)?["items"][0]["id"].clone();
    let shown = format!("/v1/audit/events/{}", id.as_str().ok_or("no id")?);
    let proof = tenant.client.get(&format!("{shown}/proof")).await?;
    std::fs::write(file("old.json"), &proof.body)?;

    deployment.database.run("ward_owner", OLD).await?;
    let deployment = deployment.keeping(6).await?;
    let client = Client::new(deployment.address(), Some(tenant.client.key().to_owned()));
    let refused = pruned(&client).await?;
    assert_eq!(refused["type"], "urn:ward:problem:pruned");
    assert_eq!(refused["detail"], "entries before 512 are no longer kept");

    let said = client.get("/v1/audit/events?action=audit.pruned").await?.expect(200)?;
    assert_eq!(said["items"].as_array().map(Vec::len), Some(1), "{said}");
    assert_eq!(said["items"][0]["details"]["first"], "512");
    for gone in [shown.clone(), format!("{shown}/proof")] {
        client.get(&gone).await?.expect(404)?;
    }
    assert_eq!(client.get(oldest).await?.expect(200)?["items"], json!([]));
    verified(&file("old.json"), &trusted).await?;

    let again = command(&deployment, &client, &[&online[..], &["--full"]].concat()).await?;
    assert_eq!((&again["pruned"], &again["from"]), (&json!(512), &json!(512)), "{again}");
    let copy = file("copy");
    command(&deployment, &client, &["audit", "mirror", copy.to_str().ok_or("no text")?]).await?;
    assert_eq!(verified(&copy, &trusted).await?["pruned"], 512);

    let export = client.get("/v1/audit/export?format=ndjson").await?;
    let last: Value = serde_json::from_str(export.text().lines().last().ok_or("nothing")?)?;
    assert_eq!(last["index"], 512, "{last}");
    for query in ["", "&from=2020-01-01T00:00:00Z"] {
        let proof = client.get(&format!("/v1/audit/export?format=csv&proof=true{query}")).await?;
        std::fs::write(file("proof"), &proof.body)?;
        assert_eq!(verified(&file("proof"), &trusted).await?["pruned"], 512);
    }
    Ok(())
}
