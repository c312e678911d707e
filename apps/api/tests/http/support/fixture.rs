use serde_json::{Value, json};

use super::{Ask, Client, Outcome, nobody};

/// A valid request of one operation, on rows that were made for it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) ids: Vec<(&'static str, String)>,
    pub(crate) query: &'static str,
    pub(crate) payload: Payload,
    /// Whether the ids name rows of a tenant; not so those of the deployment's own, which everybody may know.
    pub(crate) owned: bool,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    None,
    Json(Value),
    Csv(String),
}

impl Case {
    fn plain() -> Self {
        Self { ids: vec![], query: "", payload: Payload::None, owned: true }
    }

    fn of(id: String) -> Self {
        Self { ids: vec![("id", id)], ..Self::plain() }
    }

    fn json(self, body: Value) -> Self {
        Self { payload: Payload::Json(body), ..self }
    }

    /// The same with another value of an id.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut case = self.clone();
        case.ids.iter_mut().filter(|(known, _)| *known == name).for_each(|(_, id)| *id = value.to_owned());
        case
    }
}

/// What a valid request of an operation needs, made by `client`. An operation without one fails every test here.
pub(crate) async fn case(operation: &str, client: &Client) -> Outcome<Case> {
    Ok(match operation {
        "health" | "ready" | "trustPage" | "trustDocument" | "whoAmI" | "showTenant" | "listApiKeys"
        | "findSubjects" | "listKeys" | "listRotations" | "listAuditEvents" | "auditCheckpoint"
        | "auditKey" | "listClaims" => Case::plain(),
        "exportAudit" => Case { query: "format=csv", ..Case::plain() },
        "changeTenant" => Case::plain().json(json!({
            "name": format!("Clinic {}", nobody()),
            "settings": { "mfa_required": true, "allowed_email_domains": ["example.org"] },
        })),
        "createApiKey" => Case::plain().json(key()),
        "rotateApiKey" => {
            Case::of(made(client, "/v1/api-keys", key()).await?).json(json!({ "overlap_seconds": 60 }))
        }
        "revokeApiKey" => Case::of(made(client, "/v1/api-keys", key()).await?),
        "rotateKeys" => {
            a_rotation(client).await?;
            Case::plain().json(json!({ "keys": ["token", "import"] }))
        }
        "showRotation" => Case::of(a_rotation(client).await?),
        "pauseRotation" => Case::of(turned(client, a_rotation(client).await?, "resume").await?),
        "resumeRotation" => {
            Case::of(turned(client, a_rotation_of(client, "idempotency").await?, "pause").await?)
        }
        "bringKey" => Case::plain().json(json!({ "address": format!("locker:{}", nobody()) })),
        "giveBackKey" => {
            let brought = json!({ "address": format!("locker:{}", nobody()) });
            client.send(&Ask::new("PUT", "/v1/keys/external").json(&brought)).await?.expect(200)?;
            Case::plain()
        }
        "createSubject" => Case::plain().json(subject()),
        "showSubject" | "listRecords" => {
            let id = a_subject(client).await?;
            made(client, &format!("/v1/subjects/{id}/records"), record()).await?;
            Case::of(id)
        }
        "changeSubject" => Case::of(a_subject(client).await?).json(json!({
            "time_zone": "Europe/London", "jurisdiction": "GB",
            "fields": { "given_name": "Thea", "phone": null, "postal_address": { "city": "Leeds" } },
        })),
        "eraseSubject" => Case::of(a_subject(client).await?).json(json!({ "reason": "requested" })),
        "showErasure" => {
            let id = a_subject(client).await?;
            client
                .post(&format!("/v1/subjects/{id}/erasure"), json!({ "reason": "objected" }))
                .await?
                .expect(200)?;
            Case::of(id)
        }
        "createRecord" => Case::of(a_subject(client).await?).json(record()),
        "showRecord" | "deleteRecord" => Case::of(a_record(client).await?),
        "changeRecord" => Case::of(a_record(client).await?)
            .json(json!({ "occurred_on": "2026-01-02", "fields": { "text": "Seen again." } })),
        "importData" => {
            let (one, other) = (nobody(), nobody());
            let rows = format!("external_ref,given_name\n{one},Ada\n{other},Grace\n");
            Case { query: "kind=clinician", payload: Payload::Csv(rows), ..Case::plain() }
        }
        "showAuditEvent" | "proveAuditEvent" => Case::of(an_event(client).await?),
        "discloseAuditValues" => Case::of(a_change(client).await?),
        "recordAuditEvents" => Case::plain().json(
            json!({ "action": "visit.planned", "entity": { "kind": "visit", "id": nobody().to_string() } }),
        ),
        "proveAuditConsistency" => Case { query: "from=0&to=1", ..Case::plain() },
        "auditEntries" => Case { ids: vec![("tile", "000.p/1".into())], ..Case::plain() },
        "auditTile" => Case { ids: vec![("tile", "0/000.p/1".into())], ..Case::plain() },
        // Claims are the deployment's.
        "claimEvidence" => Case { owned: false, ..Case::of("tenant-isolation".into()) },
        "checkClaim" => Case { owned: false, ..Case::of("database-limits-by-role".into()) },
        other => {
            return Err(format!(
                "`{other}` has no fixture: say in `fixture.rs` how to make a valid request of it"
            )
            .into());
        }
    })
}

/// What is personal in every fixture: it must be in no refusal, and in no event.
pub(crate) const PERSONAL: [&str; 4] =
    ["Theodora", "theodora.quill@example.org", "+447700900123", "Hawthorn Close"];

pub(crate) fn subject() -> Value {
    json!({
        "kind": "patient",
        "external_ref": format!("X-{}", nobody()),
        "time_zone": "Europe/London",
        "jurisdiction": "GB",
        "fields": {
            "given_name": PERSONAL[0], "email": PERSONAL[1], "phone": PERSONAL[2], "date_of_birth": "1961-04-12",
            "postal_address": { "street": PERSONAL[3], "city": "York" },
        },
    })
}

fn record() -> Value {
    json!({ "category": "clinical_note", "occurred_on": "2026-01-01", "fields": { "title": "Visit", "text": "Theodora was seen." } })
}

fn key() -> Value {
    json!({ "name": "Fixture", "mode": "live", "permissions": ["tenant.read"], "monthly_quota": 10 })
}

/// The id of what a POST made.
async fn made(client: &Client, path: &str, body: Value) -> Outcome<String> {
    let made = client.post(path, body).await?.expect(201)?;
    Ok(made["id"].as_str().ok_or("no id")?.to_owned())
}

pub(crate) async fn a_subject(client: &Client) -> Outcome<String> {
    made(client, "/v1/subjects", subject()).await
}

pub(crate) async fn a_record(client: &Client) -> Outcome<String> {
    let subject = a_subject(client).await?;
    made(client, &format!("/v1/subjects/{subject}/records"), record()).await
}

/// One that is under way, and at rest until its key is known everywhere: nothing of the tenant's changes by itself meanwhile.
async fn a_rotation(client: &Client) -> Outcome<String> {
    a_rotation_of(client, "token").await
}

async fn a_rotation_of(client: &Client, key: &str) -> Outcome<String> {
    let begun = client.post("/v1/keys/rotate", json!({ "keys": [key] })).await?.expect(201)?;
    let id = begun["items"][0]["id"].as_str().ok_or("no id")?.to_owned();
    for _ in 0..600 {
        let made =
            client.get(&format!("/v1/audit/events?entity={id}&action=key.rotated")).await?.expect(200)?;
        if made["items"].as_array().is_some_and(|items| !items.is_empty()) {
            return Ok(id);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Err("no key was made".into())
}

/// The same, paused or resumed.
async fn turned(client: &Client, id: String, turn: &str) -> Outcome<String> {
    client.post(&format!("/v1/keys/rotations/{id}/{turn}"), Value::Null).await?.expect(200)?;
    Ok(id)
}

/// An event that tells what became of personal values.
async fn a_change(client: &Client) -> Outcome<String> {
    let id = a_subject(client).await?;
    let change = json!({ "fields": { "given_name": "Dorothea" } });
    client.send(&Ask::new("PATCH", format!("/v1/subjects/{id}")).json(&change)).await?.expect(200)?;
    found(client, &format!("entity={id}&action=subject.changed")).await
}

async fn an_event(client: &Client) -> Outcome<String> {
    found(client, "limit=1").await
}

async fn found(client: &Client, query: &str) -> Outcome<String> {
    let found = client.get(&format!("/v1/audit/events?{query}")).await?.expect(200)?;
    Ok(found["items"][0]["id"].as_str().ok_or("no event")?.to_owned())
}
