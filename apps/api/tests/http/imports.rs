//! Imports: whole files, and bad rows among good ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Ask, Deployment, Outcome, Tenant, left};

pub(crate) const NDJSON: &str = "application/x-ndjson";
const DEMO: [(&str, &str, u64); 3] = [
    ("clinicians_us.csv", "clinician", 2_000),
    ("patients_br.csv", "patient", 1_000),
    ("staff_uk.csv", "employee", 2_000),
];

pub(crate) fn import(kind: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Ask {
    Ask::new("POST", format!("/v1/imports?kind={kind}")).typed(content_type, body)
}

fn demo(file: &str) -> Outcome<Vec<u8>> {
    Ok(fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo").join(file))?)
}

pub(crate) fn counts(summary: &Value) -> [u64; 4] {
    ["accepted", "updated", "unchanged", "refused"].map(|name| summary[name].as_u64().unwrap_or(u64::MAX))
}

/// How many rows of a table the tenant has.
pub(crate) async fn rows(deployment: &Deployment, tenant: &Tenant, what: &str) -> Outcome<u64> {
    let sql = format!("SELECT FROM ward.{what} AND tenant = '{}'", tenant.id);
    Ok(deployment.database.run("postgres", sql).await?)
}

#[tokio::test]
async fn the_three_files_come_in_whole_and_a_second_time_change_nothing() -> Outcome {
    let deployment = Deployment::shared().await?;
    for (file, kind, lines) in DEMO {
        let tenant = deployment.tenant(file).await?;
        let body = demo(file)?;
        let first = import(kind, "text/csv", body.clone());
        let summary = tenant.client.send(&first).await?.expect(200)?;
        assert_eq!(counts(&summary), [lines, 0, 0, 0], "{file}: {summary}");
        let mut events = BTreeMap::<_, u64>::new();
        left(&deployment.database, &first.id)
            .await?
            .into_iter()
            .for_each(|event| *events.entry(event.action).or_default() += 1);
        let expected = [("import.ended", 1), ("import.started", 1), ("subject.imported", lines)];
        assert_eq!(events, expected.map(|(name, count)| (name.to_owned(), count)).into(), "{file}");

        let again = import(kind, "text/csv", body);
        let summary = tenant.client.send(&again).await?.expect(200)?;
        assert_eq!(counts(&summary), [0, 0, lines, 0], "{file}: {summary}");
        assert_eq!(
            left(&deployment.database, &again.id).await?.len(),
            2,
            "{file}: what changes nothing leaves nothing"
        );
        assert_eq!(rows(deployment, &tenant, "subject WHERE true").await?, lines);
    }
    Ok(())
}

#[tokio::test]
async fn an_imported_person_is_found_and_shown_as_the_file_says() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let file = String::from_utf8(demo("clinicians_us.csv")?)?;
    let start: String = file.split_inclusive('\n').take(4).collect();
    tenant.client.send(&import("clinician", "text/csv", start)).await?.expect(200)?;
    let found = tenant.client.get("/v1/subjects?email=THERESA.wagner0@example.com").await?.expect(200)?;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
    let person = &found["items"][0];
    assert_eq!(person["external_ref"], "CL-20261122-000000");
    assert_eq!(person["fields"]["date_of_birth"], "1983-11-03");
    assert_eq!(person["fields"]["postal_address"]["city"], "Raymondview");
    let records = format!("/v1/subjects/{}/records", person["id"].as_str().ok_or("no id")?);
    let records = tenant.client.get(&records).await?.expect(200)?;
    assert_eq!(records["items"][0]["fields"]["npi"], "2606814467", "{records}");
    Ok(())
}

#[tokio::test]
async fn a_file_with_a_part_of_an_address_and_a_change_of_one_leave_the_rest() -> Outcome {
    let deployment = Deployment::shared().await?;
    let client = deployment.tenant("Clinic").await?.client;
    let person = async || -> Outcome<Value> {
        let found = client.get("/v1/subjects?kind=patient&external_ref=P-1").await?.expect(200)?;
        Ok(found["items"][0].clone())
    };
    for file in [
        "external_ref,street,city,postal_code\nP-1,1 Elm Row,York,YO1 7HH\n",
        "external_ref,city\nP-1,Leeds\n",
    ] {
        client.send(&import("patient", "text/csv", file)).await?.expect(200)?;
    }
    let before = person().await?;
    let expected = json!({ "street": "1 Elm Row", "city": "Leeds", "postal_code": "YO1 7HH" });
    assert_eq!(before["fields"]["postal_address"], expected);

    let path = format!("/v1/subjects/{}", before["id"].as_str().ok_or("no id")?);
    let change = json!({ "fields": { "postal_address": { "street": null, "country": "GB" } } });
    client.send(&Ask::new("PATCH", path).json(&change)).await?.expect(200)?;
    let expected = json!({ "city": "Leeds", "postal_code": "YO1 7HH", "country": "GB" });
    assert_eq!(person().await?["fields"]["postal_address"], expected);
    Ok(())
}

#[tokio::test]
async fn a_bad_row_never_stops_a_good_one() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let file = "external_ref,given_name,email,street\r\n\
                A-1,Ada,ada@example.org,1 Main St\r\n\
                A-2,Grace,not an address,2 Main St\r\n\
                ,Nameless,n@example.org,3 Main St\r\n\
                A-4,\"Two\nlines\",a4@example.org,4 Main St\r\n\
                A-5,Short\r\n\
                A-6,Card,c@example.org,\"card 4111 1111 1111 1111, 6 Main St\"\r\n\
                A-1,Ada Maria,ada@example.org,1 Main St\r\n\
                A-8,\"unclosed,x@example.org,8 Main St\r\n";
    let ask = import("patient", "text/csv", file);
    let answer = tenant.client.send(&ask).await?;
    let summary = answer.expect(200)?;
    let at = |line: u64| {
        let errors = summary["errors"].as_array().into_iter().flatten();
        errors.filter(|row| row["line"] == line).map(|row| row["errors"][0]["pointer"].clone()).next_back()
    };
    assert_eq!(counts(&summary)[..3], [1, 1, 0], "{summary}");
    assert_eq!(at(3), Some(json!("/email")), "{summary}");
    assert_eq!(at(4), Some(json!("/external_ref")), "{summary}");
    assert_eq!(at(5), Some(json!("/given_name")), "{summary}");
    assert!(at(7).is_some(), "{summary}");
    assert_eq!(at(8), Some(json!("/street")), "a card number: {summary}");
    assert!(at(10).is_some(), "{summary}");
    for told in ["4111", "not an address", "Nameless"] {
        assert!(!answer.text().contains(told), "{summary}");
    }
    let left = left(&deployment.database, &ask.id).await?;
    let changed: Vec<_> = left.iter().filter(|event| event.action == "subject.imported").collect();
    assert_eq!(changed.len(), 2, "one event for each row that changed something");
    assert_eq!(changed[0].entity, changed[1].entity);
    assert_eq!(rows(deployment, &tenant, "subject WHERE true").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_header_that_does_not_fit_is_refused_before_any_row() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    for (header, pointer) in [
        ("external_ref,given_name,shoe_size", "/columns/2"),
        ("external_ref,given_name,given_name", "/columns/1"),
        ("given_name", "/columns"),
        ("external_ref,national_insurance", "/columns/1"),
    ] {
        let file = format!("{header}\nX-1,Ada,44\n");
        let answer = tenant.client.send(&import("patient", "text/csv", file)).await?;
        assert_eq!(answer.expect(422)?["errors"][0]["pointer"], pointer, "{header}");
    }
    assert_eq!(rows(deployment, &tenant, "subject WHERE true").await?, 0);
    Ok(())
}

#[tokio::test]
async fn every_row_is_answered_by_its_line_if_asked() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let rows = "{\"external_ref\":\"N-1\",\"given_name\":\"Ada\"}\n\n{\"external_ref\":\"N-2\",\"shoe_size\":\"4\"}\n\
                [1]\n{\"external_ref\":\"N-3\",\"given_name\":true}\n{\"external_ref\":\"N-1\",\"given_name\":\"Ada\"}";
    let answer = tenant.client.send(&import("consumer", NDJSON, rows).header("accept", NDJSON)).await?;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(NDJSON)));
    let lines: Vec<Value> = answer.text().lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let told: Vec<_> = lines.iter().map(|line| (line["line"].as_u64(), line["outcome"].as_str())).collect();
    let expected = [(1, "accepted"), (3, "refused"), (4, "refused"), (5, "refused"), (6, "unchanged")];
    assert_eq!(told, expected.map(|(line, outcome)| (Some(line), Some(outcome))), "{lines:?}");
    assert_eq!(lines[1]["errors"][0]["pointer"], "/shoe_size");
    Ok(())
}

#[tokio::test]
async fn media_types_mean_the_same_however_they_are_written() -> Outcome {
    let client = Deployment::shared().await?.tenant("Clinic").await?.client;
    for kind in ["text/csv; charset=utf-8", "Text/CSV", "text/csv;header=present"] {
        client.send(&import("patient", kind, "external_ref\nA\n")).await?.expect(200)?;
    }
    client.send(&import("patient", "text/csvx", "external_ref\nA\n")).await?.expect(415)?;
    for (accept, answered) in [
        ("application/x-ndjson", NDJSON),
        ("application/json;q=0.5, Application/X-NDJSON", NDJSON),
        ("text/html, application/x-ndjson; q=0.1", NDJSON),
        ("application/x-ndjson;q=0.5, */*", "application/json"),
        ("application/x-ndjson;q=0", "application/json"),
        ("application/json", "application/json"),
        ("text/html", "application/json"),
    ] {
        let answer =
            client.send(&import("patient", "text/csv", "external_ref\nA\n").header("accept", accept)).await?;
        assert_eq!(answer.header("content-type"), Some(answered), "{accept}: {}", answer.text());
    }
    Ok(())
}
