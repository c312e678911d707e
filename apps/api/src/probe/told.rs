use chrono::{SecondsFormat, TimeDelta};
use hyper::Method;
use serde_json::{Value, json};
use ward::audit::tree::{Tile, TileKind};

use super::client::Client;
use super::tenancy::{canary_record, canary_subject};
use super::{ProbeError, Seen};
use crate::app::App;
use crate::due;

/// A2: a disclosure and a refusal are in the log, with what was read and by whom.
pub(super) async fn reads(app: &App) -> Result<Seen, ProbeError> {
    let clients = app.canaries().await?;
    let subject = canary_subject(&clients.a).await?.to_string();
    let path = format!("/v1/subjects/{subject}");
    let [read, refused] = [app.machine.next(), app.machine.next()].map(|id| id.to_string());
    let under = |id| [("x-request-id", id)];
    clients.a.send(Method::GET, &path, None, &under(&*read)).await?.expect("GET /v1/subjects/{id}", 200)?;
    clients
        .powerless
        .send(Method::GET, &path, None, &under(&*refused))
        .await?
        .expect("GET /v1/subjects/{id}", 403)?;

    let mut wrong = Vec::new();
    let entries = of_request(&clients.a, &read).await?;
    let names_it = |entry: &&Value| {
        let fields =
            entry.pointer("/discloses").and_then(Value::as_array).is_some_and(|fields| !fields.is_empty());
        fields && entry.pointer("/entity/id") == Some(&json!(subject))
    };
    if entries.iter().filter(names_it).count() != 1 {
        wrong.push("a disclosure left no entry that names what was read, or more than one".to_owned());
    }
    let denied = |entry: &&Value| entry.pointer("/outcome") == Some(&json!("denied"));
    if of_request(&clients.a, &refused).await?.iter().filter(denied).count() != 1 {
        wrong.push("a refusal left no entry, or more than one".to_owned());
    }
    let observed =
        "A disclosure left one entry that names the person and the fields, a refusal one that says why.";
    Ok(Seen::unless(wrong, 2, observed.into()))
}

/// The entries that a request left, found as a customer finds them.
async fn of_request(client: &Client, request: &str) -> Result<Vec<Value>, ProbeError> {
    let found =
        client.get(&format!("/v1/audit/events?q={request}")).await?.expect("GET /v1/audit/events", 200)?;
    Ok(found.body.pointer("/items").and_then(Value::as_array).cloned().unwrap_or_default())
}

/// A3: what is personal is nowhere in the text of the log.
pub(super) async fn scrub(app: &App) -> Result<Seen, ProbeError> {
    let a = app.canaries().await?.a;
    let (subject, secret) = (canary_subject(&a).await?, format!("secret{}", app.machine.next().simple()));
    let before = size(&a).await?;
    let mark = app.machine.next().to_string();
    let headers = [("user-agent", secret.as_str()), ("x-request-id", mark.as_str())];
    let name = json!({ "fields": { "given_name": secret } });
    a.send(Method::PATCH, &format!("/v1/subjects/{subject}"), Some(name), &headers)
        .await?
        .expect("PATCH subject", 200)?;
    let record = canary_record(&a, subject).await?;
    let text = json!({ "fields": { "license_number": secret } });
    a.send(Method::PATCH, &format!("/v1/records/{record}"), Some(text), &headers)
        .await?
        .expect("PATCH record", 200)?;
    a.get("/v1/audit/events?limit=1").await?.expect("GET /v1/audit/events", 200)?;

    let (mut texts, after) = (String::new(), size(&a).await?);
    let width = u64::from(Tile::WIDTH);
    let tiles = (before / width..=after.saturating_sub(1) / width)
        .filter_map(|n| Tile::within(TileKind::Entries, n, after));
    for tile in tiles {
        let path = format!("/v1/audit/tile/{tile}");
        let told = a.get(&path).await?.expect("GET /v1/audit/tile", 200)?;
        texts.push_str(told.body.as_str().unwrap_or_default());
    }
    let mut wrong = Vec::new();
    if texts.contains(&secret) {
        wrong.push("a personal value stands in the log in clear".to_owned());
    }
    if texts.matches(&mark).count() != 2 {
        wrong.push("the log doesn't tell of the changes that were made".to_owned());
    }
    let population = after - before;
    let observed = format!(
        "None of {population} entries holds a word that was written as name, number and user agent meanwhile."
    );
    Ok(Seen::unless(wrong, population, observed))
}

/// How many entries the log of a test customer has.
async fn size(client: &Client) -> Result<u64, ProbeError> {
    let told = client.get("/v1/audit/checkpoint").await?.expect("GET /v1/audit/checkpoint", 200)?;
    let size = told.body.as_str().and_then(|note| note.lines().nth(1)?.parse().ok());
    size.ok_or(ProbeError::Unexpected("GET /v1/audit/checkpoint", 200))
}

/// A6: the log is searched, and exported in every format with the same entries in each.
pub(super) async fn export(app: &App) -> Result<Seen, ProbeError> {
    let a = app.canaries().await?.a;
    let from = (app.clock().now() - TimeDelta::seconds(10)).to_rfc3339_opts(SecondsFormat::Millis, true);
    let mark = app.machine.next().to_string();
    a.send(Method::GET, "/v1/audit/events?limit=1", None, &[("x-request-id", &*mark)])
        .await?
        .expect("GET /v1/audit/events", 200)?;
    let mut wrong = Vec::new();
    if of_request(&a, &mark).await?.len() != 1 {
        wrong.push("a search doesn't find an entry by its request".to_owned());
    }
    let size = size(&a).await?;
    let mut counts = Vec::new();
    for format in ["ndjson", "csv", "ocsf", "fhir", "cef"] {
        let path = format!("/v1/audit/export?format={format}&from={from}&size={size}");
        let told = a.get(&path).await?.expect("GET /v1/audit/export", 200)?;
        let text = told.body.as_str().map_or_else(|| told.body.to_string(), str::to_owned);
        if !text.contains(&mark) {
            wrong.push(format!("the export as {format} lacks an entry"));
        }
        counts.push(text.trim_end().lines().count() - usize::from(format == "csv"));
    }
    let count = counts.first().copied().unwrap_or_default();
    if counts.iter().any(|other| *other != count) {
        wrong.push("one format holds more entries than another".to_owned());
    }
    let population = (count * counts.len()) as u64;
    let observed = format!(
        "{count} entries of the last ten seconds are in each of {} formats, and the newest was found by search.",
        counts.len()
    );
    let late = due::late(app.delivered.iter().map(|sink| sink as _), app.clock().now());
    Ok(Seen::unless(wrong, population, observed).but(late))
}
