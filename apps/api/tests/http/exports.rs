//! Exports of the log, read by other people's readers and verified as an auditor does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use ward_cli::Done;
use ward_testkit::tool;

use crate::imports::import;
use crate::support::{Answer, Ask, Client, Deployment, Outcome, Tenant, nobody, subject};

/// How each is asked for, and its reader.
const FORMATS: [(&str, &str); 5] =
    [("csv&raw=true", "csv"), ("ndjson", "ndjson"), ("ocsf", "ocsf"), ("fhir", "fhir"), ("cef", "cef")];
/// What is a formula to a spreadsheet, a separator to CEF and CSV, and an end of something to others.
const HOSTILE: &str = r#"=cmd|'/c calc'!A1 a\b|c=d\n "e",f; x=[y]"#;

async fn export(client: &Client, query: &str) -> Outcome<Answer> {
    let answer = client.get(&format!("/v1/audit/export?{query}")).await?;
    answer.expect(200)?;
    Ok(answer)
}

fn size(answer: &Answer) -> Outcome<u64> {
    Ok(answer.header("ward-log-size").ok_or("no size")?.parse()?)
}

/// What a reader makes of an export; an error, where it isn't what its format is.
async fn read(reader: &'static str, export: &Answer) -> Outcome<Vec<Value>> {
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

fn kept(directory: &TempDir, name: &str, answer: &Answer) -> Outcome<PathBuf> {
    let file = directory.path().join(name);
    std::fs::write(&file, &answer.body)?;
    Ok(file)
}

/// The log's first entries, as they are listed: newest first.
async fn listed(client: &Client, size: u64) -> Outcome<Vec<Value>> {
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
async fn busy(deployment: &Deployment) -> Outcome<Tenant> {
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

#[tokio::test]
async fn every_format_holds_every_entry_once_as_other_peoples_readers_read_it() -> Outcome {
    let deployment = Deployment::shared().await?;
    let (tenant, other) = (busy(deployment).await?, deployment.tenant("Other").await?);
    other.client.get("/v1/audit/events").await?.expect(200)?;
    for (query, reader) in FORMATS {
        let export = export(&tenant.client, &format!("format={query}")).await?;
        let read = read(reader, &export).await?;
        let listed = listed(&tenant.client, size(&export)?).await?;
        assert_eq!(read.len(), listed.len(), "{reader}");
        for (read, event) in read.iter().zip(&listed) {
            same(reader, read, event);
        }
        let begun = &listed[0];
        assert_eq!(
            (&begun["action"], &begun["details"]["format"]),
            (&json!("audit.export_started"), &json!(reader))
        );
        let agents: Vec<_> = read.iter().map(|read| &read["user_agent"]).collect();
        assert!(agents.contains(&&json!(HOSTILE)), "{reader}: {agents:?}");
        assert!(!export.text().contains(&other.id), "{reader}: another tenant's entries");
    }
    Ok(())
}

/// That what was read is what the API shows.
fn same(reader: &str, read: &Value, event: &Value) {
    let (actor, source) = (&event["actor"], &event["source"]);
    for (name, shown) in [
        ("id", &event["id"]),
        ("index", &event["index"]),
        ("time", &event["time"]),
        ("action", &event["action"]),
        ("outcome", &event["outcome"]),
        ("reason", &event["reason"]),
        ("operation", &event["operation"]),
        ("changes", &event["changes"]),
        ("details", &event["details"]),
        ("actor_id", &actor["id"]),
        ("entity_id", &event["entity"]["id"]),
        ("ip", &source["ip"]),
        ("user_agent", &source["user_agent"]),
        ("request_id", &source["request_id"]),
    ] {
        let shown = if shown.is_null() { &json!("") } else { shown };
        assert_eq!(&read[name], shown, "{reader}: {name} of {event}");
    }
    if let Some(entry) = read["entry"].as_str() {
        let leaf = ward::audit::tree::Hash::leaf(entry.as_bytes());
        assert_eq!(read["leaf_hash"], leaf.to_string(), "{reader}: {entry}");
    }
}

#[tokio::test]
async fn what_was_done_has_the_classes_and_profiles_of_its_standard() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = busy(deployment).await?;
    let read_as = async |format: &'static str| -> Outcome<Vec<Value>> {
        read(format, &export(&tenant.client, &format!("format={format}")).await?).await
    };
    let classes = read_as("ocsf").await?;
    for (action, class, activity) in [
        ("subject.created", 6003, 1),
        ("subject.disclosed", 6003, 2),
        ("record.deleted", 6003, 4),
        ("access.denied", 6003, 99),
        ("api_key.created", 3001, 1),
        ("api_key.revoked", 3001, 5),
    ] {
        let event = classes.iter().find(|event| event["action"] == action).ok_or(action)?;
        assert_eq!((&event["class"], &event["activity"]), (&json!(class), &json!(activity)), "{action}");
    }
    let profiles = read_as("fhir").await?;
    for (action, profile) in [
        ("subject.created", Some("PatientCreate")),
        ("subject.disclosed", Some("PatientRead")),
        ("record.disclosed", Some("PatientRead")),
        ("record.deleted", Some("PatientDelete")),
        ("subject.imported", Some("Update")),
        ("api_key.revoked", Some("Delete")),
        ("tenant.changed", Some("Update")),
        ("access.denied", None),
        ("record.listed", None),
        ("audit.export_started", None),
        ("tenant.founded", None), // by nobody who called
    ] {
        let event = profiles.iter().find(|event| event["action"] == action).ok_or(action)?;
        let named =
            |name| format!("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.{name}");
        assert_eq!(event["profiles"], json!(profile.map(named).into_iter().collect::<Vec<_>>()), "{action}");
    }
    Ok(())
}

#[tokio::test]
async fn no_cell_of_a_spreadsheet_is_a_formula_unless_it_was_asked_for_raw() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = busy(deployment).await?;
    let safe = read("csv", &export(&tenant.client, "format=csv").await?).await?;
    let agents: Vec<_> = safe.iter().filter_map(|row| row["user_agent"].as_str()).collect();
    let harmless = r#"'=cmd|'/c calc'!A1 a\b|c=d\n "e",f; x=[y]"#;
    assert!(agents.contains(&harmless), "{agents:?}");
    let cells = safe.iter().flat_map(|row| row["text"].as_object().into_iter().flatten());
    for (name, cell) in cells.filter_map(|(name, cell)| Some((name, cell.as_str()?))) {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "{name}: {cell}");
    }
    let raw = read("csv", &export(&tenant.client, "format=csv&raw=true").await?).await?;
    assert!(raw.iter().any(|row| row["user_agent"] == HOSTILE));
    let refused = tenant.client.get("/v1/audit/export?format=ndjson&raw=true").await?.expect(422)?;
    assert_eq!(refused["errors"][0]["pointer"], "?raw");
    Ok(())
}

#[tokio::test]
async fn what_was_tampered_with_still_is_one_row_in_every_format() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = busy(deployment).await?;
    tenant.client.get("/v1/audit/events?limit=1").await?.expect(200)?; // all have their places
    let reason = "a\r\nb\u{85}c|d=e\\f\tg\u{2028}=h\u{1}";
    let body = format!("replace(body, '\"details\"', '\"reason\":{},\"details\"')", json!(reason));
    let tampered = format!(
        "UPDATE ward.audit_leaf SET body = {body} WHERE tenant = '{}' AND body LIKE '%import.ended%'",
        tenant.id
    );
    deployment.rewrite(&tampered).await?;
    for (query, reader) in FORMATS {
        let export = export(&tenant.client, &format!("format={query}")).await?;
        let read = read(reader, &export).await?;
        assert_eq!(read.len() as u64, size(&export)?, "{reader}");
        let told: Vec<_> =
            read.iter().filter_map(|row| row["reason"].as_str()).filter(|it| !it.is_empty()).collect();
        let shown = match reader {
            "cef" => "a\r\nb c|d=e\\f g =h ",
            "fhir" => "a\r\nb\u{85}c|d=e\\f\tg\u{2028}=h\u{fffd}",
            _ => reason,
        };
        assert!(told.contains(&shown), "{reader}: {told:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_export_holds_the_time_that_was_asked_for_and_is_the_same_again() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = busy(deployment).await?;
    let all = read("ndjson", &export(&tenant.client, "format=ndjson").await?).await?;
    let (from, to) = (&all[all.len() - 3]["time"], &all[2]["time"]);
    let query =
        format!("format=ndjson&from={}&to={}", from.as_str().ok_or("from")?, to.as_str().ok_or("to")?);
    let part = export(&tenant.client, &query).await?;
    let wanted: Vec<_> = all
        .iter()
        .filter(|row| row["time"].as_str() >= from.as_str() && row["time"].as_str() < to.as_str())
        .collect();
    assert!(!wanted.is_empty() && wanted.len() < all.len());
    assert_eq!(read("ndjson", &part).await?.iter().collect::<Vec<_>>(), wanted);

    for (query, _) in FORMATS {
        let first = export(&tenant.client, &format!("format={query}")).await?;
        let again = export(&tenant.client, &format!("format={query}&size={}", size(&first)?)).await?;
        assert!(first.body == again.body && size(&first)? == size(&again)?, "{query}");
    }
    let beyond = tenant.client.get("/v1/audit/export?format=csv&size=1000000").await?.expect(422)?;
    assert_eq!(beyond["errors"][0]["pointer"], "?size");
    let none = export(&tenant.client, "format=ndjson&size=0").await?;
    assert_eq!(none.text(), "");
    Ok(())
}

#[tokio::test]
async fn the_log_says_what_was_exported_with_count_and_digest() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = busy(deployment).await?;
    for (query, reader) in FORMATS {
        let export = export(&tenant.client, &format!("format={query}&from=2020-01-01T00:00:00Z")).await?;
        let told = tenant.client.get(&format!("/v1/audit/events?q={}", export.id)).await?.expect(200)?;
        let of = |n: usize| (&told["items"][n]["action"], &told["items"][n]["details"]);
        let sha256: String = Sha256::digest(&export.body).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut details = json!({ "format": reader, "from": "2020-01-01T00:00:00.000000Z" });
        if reader == "csv" {
            details["raw"] = json!("true");
        }
        assert_eq!(of(1), (&json!("audit.export_started"), &details));
        let size = size(&export)?.to_string();
        details["size"] = json!(size);
        details["count"] = json!(size);
        details["sha256"] = json!(sha256);
        assert_eq!(of(0), (&json!("audit.export_completed"), &details));
    }
    Ok(())
}

async fn verify(key: &str, proof: PathBuf, export: PathBuf) -> Outcome<Done> {
    let [proof, export] = [proof, export].map(|path| path.to_string_lossy().into_owned());
    let words = ["verify", &proof, "--key", key.trim(), "--export", &export, "--json"].map(str::to_owned);
    Ok(tokio::task::spawn_blocking(move || ward_cli::run(&words, None)).await?)
}

#[tokio::test]
async fn the_verifier_takes_an_export_with_its_proof_and_no_other() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = busy(deployment).await?;
    let rows: String = (0..600).map(|_| format!("{},Ada\n", nobody())).collect();
    let many = import("clinician", "text/csv", format!("external_ref,given_name\n{rows}"));
    tenant.client.send(&many).await?.expect(200)?;
    let key = tenant.client.get("/v1/audit/key").await?.text();
    let since = read("ndjson", &export(&tenant.client, "format=ndjson").await?).await?;
    let since = since[300]["time"].as_str().ok_or("no time")?;
    let directory = TempDir::new()?;
    for (query, _) in FORMATS {
        for part in [String::new(), format!("&from={since}")] {
            let query = format!("format={query}{part}");
            let exported = export(&tenant.client, &query).await?;
            let query = format!("{query}&size={}", size(&exported)?);
            let proof = export(&tenant.client, &format!("{query}&proof=true")).await?;
            let (file, proof) = (kept(&directory, "export", &exported)?, kept(&directory, "proof", &proof)?);
            let done = verify(&key, proof.clone(), file.clone()).await?;
            assert_eq!(done.code, 0, "{query}: {done:?}");
            let said: Value = serde_json::from_str(&done.said)?;
            assert_eq!((&said["what"], &said["complete"]), (&json!("export"), &json!(part.is_empty())));

            let mut other = exported.body.clone();
            other.truncate(other.len() - 1);
            std::fs::write(&file, other)?;
            let done = verify(&key, proof, file).await?;
            assert!(done.code == 1 && done.said.contains("other-file"), "{query}: {done:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn whoever_reads_slowly_is_waited_for_and_may_lose_the_right_to_read_on() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    // More than a connection and four pages hold.
    let rows: String =
        (0..7_000).map(|_| format!("{},Ada,Lovelace,{}\n", nobody(), "x".repeat(90))).collect();
    let many = import(
        "clinician",
        "text/csv",
        format!("external_ref,given_name,family_name,preferred_name\n{rows}"),
    );
    tenant.client.send(&many).await?.expect(200)?;

    let (id, reader) = tenant.key("live", &["audit.export"]).await?;
    let slow = reader.stream(&Ask::new("GET", "/v1/audit/export?format=ndjson"), "").await?;
    let quick = export(&tenant.client, "format=ndjson").await?;
    assert!(quick.body.len() > 12 << 20, "{}", quick.body.len());
    let completed = async || -> Outcome<BTreeSet<String>> {
        let found = "/v1/audit/events?action=audit.export_completed";
        let found = tenant.client.get(found).await?.expect(200)?;
        let items = found["items"].as_array().into_iter().flatten();
        Ok(items.map(|item| item["actor"]["id"].to_string()).collect())
    };
    let me = tenant.client.get("/v1/me").await?.expect(200)?["api_key"].to_string();
    assert_eq!(
        completed().await?,
        BTreeSet::from([me]),
        "the slow one is not over when one that began later is"
    );

    tenant.client.send(&Ask::new("DELETE", format!("/v1/api-keys/{id}"))).await?.expect(204)?;
    let rest = slow.answer.into_body().collect().await;
    assert!(rest.is_err(), "what is cut short doesn't end as if it were whole");
    assert_eq!(completed().await?.len(), 1);
    Ok(())
}
