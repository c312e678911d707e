//! Exports of the log, read by other people's readers and verified as an auditor does.

mod at_once;
mod sent;
mod support;

use serde_json::{Value, json};

use self::support::{FORMATS, HOSTILE, busy, export, listed, read, size};
use crate::support::{Deployment, Outcome};

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
    let tampered = format!(
        "UPDATE ward.audit_leaf SET body = replace(body, '\"details\"', '\"reason\":{reason},\"details\"')
         WHERE tenant = '{id}' AND body LIKE '%import.ended%';
         UPDATE ward.audit_leaf SET source = set_byte(source, 40, 255 - get_byte(source, 40))
         WHERE tenant = '{id}' AND body LIKE '%tenant.changed%';
         UPDATE ward.audit_leaf SET body = replace(body, '\"kind\":\"api_key\"', '\"kind\":\"user\",\"roles\":[\"nurse\"]')
         WHERE tenant = '{id}' AND body LIKE '%record.disclosed%';
         UPDATE ward.audit_place p SET hash = sha256('\\x00'::bytea || convert_to(format('{{\"at\":\"%s\",\"event\":%s}}',
             to_char(l.at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), l.body), 'UTF8'))
         FROM ward.audit_leaf l WHERE p.tenant = '{id}' AND l.tenant = p.tenant AND l.id = p.leaf",
        reason = json!(reason),
        id = tenant.id,
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
        let opaque = read.iter().find(|row| row["action"] == "tenant.changed").ok_or("not there")?;
        match reader {
            "csv" | "ndjson" => assert_eq!(opaque["ip"], "unreadable"),
            _ => assert_eq!(opaque["ip"], "", "{reader}: nobody called from there"),
        }
        if reader == "fhir" {
            assert_eq!(opaque["profiles"], json!([]));
            let by_a_person =
                read.iter().find(|row| row["action"] == "record.disclosed").ok_or("not there")?;
            assert_eq!(by_a_person["profiles"].as_array().map(Vec::len), Some(1), "{by_a_person}");
        }
    }
    Ok(())
}
