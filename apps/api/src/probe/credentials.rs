use hyper::Method;
use serde_json::{Value, json};

use ward::identity::Mode;

use super::client::Client;
use super::{ProbeError, Seen, served};
use crate::app::App;

/// R3: whoever holds no permission is refused every operation that needs one, before any work.
pub(super) async fn permissions(app: &App) -> Result<Seen, ProbeError> {
    let powerless = app.canaries().await?.powerless;
    let document = app.document.get().unwrap_or(&Value::Null);
    let (mut wrong, mut population) = (Vec::new(), 0);
    for (method, path, operation) in served(document) {
        let needs = operation.pointer("/x-ward/permission").is_some_and(Value::is_string);
        let public = operation.pointer("/x-ward/public") == Some(&Value::Bool(true));
        if !needs && !public && operation.pointer("/x-ward").is_none() {
            wrong.push(format!("{method} {path} declares nothing"));
        }
        let Some(verb) = Some(method).filter(|_| needs).and_then(|method| method.to_uppercase().parse().ok())
        else {
            continue;
        };
        population += 1;
        let path = path.replace("{id}", &app.machine.next().to_string());
        if powerless.send(verb, &path, None, &[]).await?.status != 403 {
            wrong.push(format!("{method} {path} is answered to who may do nothing"));
        }
    }
    let observed = format!(
        "A key without permissions was refused all {population} operations that need one, before any work."
    );
    Ok(Seen::unless(wrong, population, observed))
}

/// I6: a key works until it is revoked and not a request longer; a test key acts in the sandbox only.
pub(super) async fn api_keys(app: &App) -> Result<Seen, ProbeError> {
    let clients = app.canaries().await?;
    let own = clients.a.get("/v1/tenant").await?.expect("GET /v1/tenant", 200)?;
    let mut wrong = Vec::new();
    for (mode, expected) in [("live", own.text("/id")), ("test", own.text("/sandbox"))] {
        let (id, key) = issue(&clients.a, mode).await?;
        let holder = clients.a.with_key(key);
        let me = holder.get("/v1/me").await?;
        if me.status != 200 || me.text("/tenant") != expected {
            wrong.push(format!("a {mode} key doesn't act in its tenant"));
        }
        clients.a.delete(&format!("/v1/api-keys/{id}")).await?.expect("DELETE /v1/api-keys/{id}", 204)?;
        if holder.get("/v1/me").await?.status != 401 {
            wrong.push(format!("a revoked {mode} key still works"));
        }
    }
    let forged =
        clients.a.with_key(app.profile.api_key.random(Mode::Live, &*app.machine).expose().to_owned());
    if forged.send(Method::GET, "/v1/me", None, &[]).await?.status != 401 {
        wrong.push("a made-up key works".to_owned());
    }
    let observed = "A live key acted in its tenant, a test key in the sandbox; once revoked, neither worked for one more request.";
    Ok(Seen::unless(wrong, 5, observed.into()))
}

async fn issue(client: &Client, mode: &str) -> Result<(String, String), ProbeError> {
    let request = json!({ "name": "Canary", "mode": mode, "permissions": ["tenant.read"] });
    let made = client.post("/v1/api-keys", request).await?.expect("POST /v1/api-keys", 201)?;
    let word = |pointer: &str| made.text(pointer).unwrap_or_default().to_owned();
    Ok((word("/id"), word("/key")))
}
