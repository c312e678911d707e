use hyper::Method;
use serde_json::{Value, json};
use ward::kernel::Uuid;

use super::canary::{A, B};
use super::client::Client;
use super::{ProbeError, Seen, served};
use crate::app::App;

/// T2: no operation takes a tenant, and saying one changes nothing.
pub(super) async fn tenant_from_credential(app: &App) -> Result<Seen, ProbeError> {
    let document = app.document.get().unwrap_or(&Value::Null);
    let mut wrong: Vec<String> = Vec::new();
    let mut population = 0;
    for (method, path, operation) in served(document) {
        population += 1;
        let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let mut names = parameters.filter_map(|parameter| parameter.get("name")?.as_str());
        if names.any(|name| name.to_lowercase().contains("tenant")) {
            wrong.push(format!("{method} {path} takes a tenant"));
        }
    }
    let a = app.canaries().await?.a;
    let (own, other) = (A.to_string(), B.to_string());
    let headers = [("x-tenant-id", other.as_str()), ("tenant", other.as_str())];
    if a.get(&format!("/v1/tenant?tenant={other}")).await?.status != 422 {
        wrong.push("a query that names a tenant was taken".to_owned());
    }
    let told = a.send(Method::GET, "/v1/tenant", None, &headers).await?.expect("GET /v1/tenant", 200)?;
    if told.text("/id") != Some(own.as_str()) {
        wrong.push("a request that named another tenant was answered with its data".to_owned());
    }
    let body = json!({ "tenant": other, "name": "Canary A" });
    if a.patch("/v1/tenant", body).await?.status != 422 {
        wrong.push("a body that names a tenant was taken".to_owned());
    }
    let observed = format!(
        "None of {population} operations takes a tenant; naming another one in a query or a body was refused, in headers ignored."
    );
    Ok(Seen::unless(wrong, population + 3, observed))
}

/// T4: another tenant's rows are answered as if they were not there.
pub(super) async fn cross_tenant(app: &App) -> Result<Seen, ProbeError> {
    let clients = app.canaries().await?;
    let theirs = canary_subject(&clients.b).await?;
    let record = canary_record(&clients.b, theirs).await?;
    let key = first(&clients.b, "/v1/api-keys").await?;
    let event = first(&clients.b, "/v1/audit/events").await?;
    let before =
        clients.b.get(&format!("/v1/subjects/{theirs}")).await?.expect("GET /v1/subjects/{id}", 200)?;
    let nobody = app.machine.next();
    let attempts: [(Method, &str, Uuid, Option<Value>); 9] = [
        (Method::GET, "/v1/subjects/{id}", theirs, None),
        (Method::PATCH, "/v1/subjects/{id}", theirs, Some(json!({ "time_zone": "Europe/London" }))),
        (Method::GET, "/v1/subjects/{id}/records", theirs, None),
        (Method::POST, "/v1/subjects/{id}/records", theirs, Some(canary_license())),
        (Method::GET, "/v1/records/{id}", record, None),
        (Method::PATCH, "/v1/records/{id}", record, Some(json!({ "occurred_on": "2000-01-01" }))),
        (Method::DELETE, "/v1/records/{id}", record, None),
        (Method::DELETE, "/v1/api-keys/{id}", key, None),
        (Method::GET, "/v1/audit/events/{id}", event, None),
    ];
    let mut wrong = Vec::new();
    for (method, path, id, body) in &attempts {
        let at = |id: Uuid| path.replace("{id}", &id.to_string());
        let foreign = clients.a.send(method.clone(), &at(*id), body.clone(), &[]).await?;
        let unknown = clients.a.send(method.clone(), &at(nobody), body.clone(), &[]).await?;
        if foreign.status != 404 || !foreign.is_same_as(&unknown) {
            wrong.push(format!("{method} {path} tells another tenant's id from an unknown one"));
        }
    }
    let after = clients.b.get(&format!("/v1/subjects/{theirs}")).await?;
    if !after.is_same_as(&before) {
        wrong.push("another tenant's subject was changed".to_owned());
    }
    let found = clients.a.get("/v1/subjects?limit=200").await?.expect("GET /v1/subjects", 200)?;
    if found.body.to_string().contains(&theirs.to_string()) {
        wrong.push("another tenant's subject is listed".to_owned());
    }
    let population = attempts.len() as u64 * 2 + 2;
    let observed = format!(
        "{population} requests for another tenant's rows were answered as for rows that don't exist, and changed nothing."
    );
    Ok(Seen::unless(wrong, population, observed))
}

fn canary_license() -> Value {
    json!({ "category": "credentials", "fields": { "license_number": "canary" } })
}

/// The canary's one license, added where it is missing.
pub(super) async fn canary_record(client: &Client, subject: Uuid) -> Result<Uuid, ProbeError> {
    let records = format!("/v1/subjects/{subject}/records");
    if let Ok(found) = first(client, &records).await {
        return Ok(found);
    }
    let made = client.post(&records, canary_license()).await?.expect("POST records", 201)?;
    made.text("/id").and_then(|id| id.parse().ok()).ok_or(ProbeError::Unexpected("POST records", 201))
}

/// The id of the first row that a list shows.
async fn first(client: &Client, path: &str) -> Result<Uuid, ProbeError> {
    let found = client.get(&format!("{path}?limit=1")).await?.expect("a list of the canary's", 200)?;
    let id = found.text("/items/0/id").and_then(|id| id.parse().ok());
    id.ok_or(ProbeError::Unexpected("a list of the canary's", 200))
}

/// The canary's one subject, added where it is missing.
pub(super) async fn canary_subject(client: &Client) -> Result<Uuid, ProbeError> {
    canary_called(client, "canary").await
}

/// The canary's subject of that name, added where it is missing.
pub(super) async fn canary_called(client: &Client, name: &str) -> Result<Uuid, ProbeError> {
    let find = format!("/v1/subjects?kind=consumer&external_ref={name}");
    let found = client.get(&find).await?.expect("GET /v1/subjects", 200)?;
    let id = |text: &str| text.parse::<Uuid>().ok();
    if let Some(id) = found.text("/items/0/id").and_then(id) {
        return Ok(id);
    }
    let new = json!({ "kind": "consumer", "external_ref": name, "fields": { "given_name": "Canary" } });
    let made = client.post("/v1/subjects", new).await?.expect("POST /v1/subjects", 201)?;
    made.text("/id").and_then(id).ok_or(ProbeError::Unexpected("POST /v1/subjects", 201))
}
