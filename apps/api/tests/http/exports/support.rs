use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use ward_testkit::tool;

use crate::imports::import;
use crate::support::{Answer, Ask, Client, Deployment, Outcome, Tenant, subject};

/// How each is asked for, and its reader.
pub(super) const FORMATS: [(&str, &str); 5] =
    [("csv&raw=true", "csv"), ("ndjson", "ndjson"), ("ocsf", "ocsf"), ("fhir", "fhir"), ("cef", "cef")];
/// What is a formula to a spreadsheet, a separator to CEF and CSV, and an end of something to others.
pub(super) const HOSTILE: &str = r#"=cmd|'/c calc'!A1 a\b|c=d\n "e",f; x=[y]"#;

pub(super) async fn export(client: &Client, query: &str) -> Outcome<Answer> {
    let answer = client.get(&format!("/v1/audit/export?{query}")).await?;
    answer.expect(200)?;
    Ok(answer)
}

pub(super) fn size(answer: &Answer) -> Outcome<u64> {
    Ok(answer.header("ward-log-size").ok_or("no size")?.parse()?)
}

/// What a reader makes of an export; an error, where it isn't what its format is.
pub(super) async fn read(reader: &'static str, export: &Answer) -> Outcome<Vec<Value>> {
    let directory = TempDir::new()?;
    let file = kept(&directory, "export", export)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/exports/read.py");
    let mut python = Command::new(tool("export-readers")?);
    python.arg(script).arg(reader).arg(file);
    let read = tokio::task::spawn_blocking(move || python.output()).await??;
    if !read.status.success() {
        return Err(format!("{reader}: {}", String::from_utf8_lossy(&read.stderr)).into());
    }
    Ok(serde_json::from_slice(&read.stdout)?)
}

pub(super) fn kept(directory: &TempDir, name: &str, answer: &Answer) -> Outcome<PathBuf> {
    let file = directory.path().join(name);
    std::fs::write(&file, &answer.body)?;
    Ok(file)
}

/// The log's first entries, as they are listed: newest first.
pub(super) async fn listed(client: &Client, size: u64) -> Outcome<Vec<Value>> {
    let (mut path, mut events) = ("/v1/audit/events?limit=200".to_owned(), Vec::new());
    loop {
        let page = client.get(&path).await?.expect(200)?;
        events.extend(page["items"].as_array().cloned().unwrap_or_default());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/audit/events?limit=200&cursor={cursor}");
    }
    events.retain(|event| event["index"].as_u64() < Some(size));
    Ok(events)
}

/// A tenant that did a bit of everything.
pub(super) async fn busy(deployment: &Deployment) -> Outcome<Tenant> {
    let tenant = deployment.tenant("Clinic").await?;
    let patient = tenant.client.post("/v1/subjects", subject()).await?.expect(201)?;
    let id = patient["id"].as_str().ok_or("no id")?;
    let record = json!({ "category": "clinical_note", "fields": { "title": "Visit", "text": "Seen." } });
    let record = tenant.client.post(&format!("/v1/subjects/{id}/records"), record).await?.expect(201)?;
    let record = format!("/v1/records/{}", record["id"].as_str().ok_or("no id")?);
    let by_somebody = Ask::new("GET", format!("/v1/subjects/{id}")).header("user-agent", HOSTILE);
    tenant.client.send(&by_somebody).await?.expect(200)?;
    tenant.client.get(&record).await?.expect(200)?;
    tenant.client.get(&format!("/v1/subjects/{id}/records")).await?.expect(200)?;
    tenant.client.send(&Ask::new("DELETE", record)).await?.expect(204)?;
    let named = Ask::new("PATCH", "/v1/tenant").json(&json!({ "name": format!("{HOSTILE} \u{e9}\u{2028}") }));
    tenant.client.send(&named).await?.expect(200)?;
    let (key, powerless) = tenant.key("live", &[]).await?;
    powerless.get("/v1/audit/events").await?.expect(403)?;
    tenant.client.send(&Ask::new("DELETE", format!("/v1/api-keys/{key}"))).await?.expect(204)?;
    let clinicians = import("clinician", "text/csv", "external_ref,given_name\n1,Ada\n2,Grace\n");
    tenant.client.send(&clinicians).await?.expect(200)?;
    Ok(tenant)
}

/// Records a hundred events, each as large as may be, so many times.
pub(super) async fn record_large(tenant: &Tenant, times: usize) -> Outcome {
    let details: serde_json::Map<_, _> =
        ('a'..='h').map(|key| (format!("key_{key}"), json!("x".repeat(950)))).collect();
    let events = json!(vec![json!({ "action": "letter.kept", "details": details }); 100]);
    for _ in 0..times {
        tenant.client.post("/v1/audit/events", events.clone()).await?.expect(201)?;
    }
    Ok(())
}
