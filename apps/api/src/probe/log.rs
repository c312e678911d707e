use hyper::Method;
use serde_json::{Value, json};

use super::{ProbeError, Seen};
use crate::app::App;

/// A1: a write and a refusal leave exactly their events, with actor, address and request.
pub(super) async fn completeness(app: &App) -> Result<Seen, ProbeError> {
    let a = app.canaries().await?.a;
    let (changed, refused) = (app.machine.next().to_string(), app.machine.next().to_string());

    let before = a.get("/v1/tenant").await?.expect("GET /v1/tenant", 200)?;
    let minutes =
        before.body.pointer("/settings/idle_timeout_seconds").and_then(Value::as_u64).unwrap_or(1800);
    let change = json!({ "settings": { "idle_timeout_seconds": if minutes == 1800 { 1860 } else { 1800 } } });
    let id = [("x-request-id", changed.as_str())];
    a.send(Method::PATCH, "/v1/tenant", Some(change), &id).await?.expect("PATCH /v1/tenant", 200)?;
    let nobody = format!("/v1/subjects/{}", app.machine.next());
    let id = [("x-request-id", refused.as_str())];
    a.send(Method::GET, &nobody, None, &id).await?.expect("GET /v1/subjects/{id}", 404)?;

    let log = a.get("/v1/audit/events?limit=50").await?.expect("GET /v1/audit/events", 200)?;
    let events: Vec<_> = log.body.pointer("/items").and_then(Value::as_array).into_iter().flatten().collect();
    let of = |request: &str, action: &str| {
        let matches = |event: &&&Value| {
            event.pointer("/source/request_id").and_then(Value::as_str) == Some(request)
                && event.pointer("/action").and_then(Value::as_str) == Some(action)
                && event.pointer("/actor/id").is_some_and(Value::is_string)
                && event.pointer("/source/ip").is_some_and(Value::is_string)
        };
        events.iter().filter(matches).count()
    };
    let mut wrong = Vec::new();
    if of(&changed, "tenant.changed") != 1 {
        wrong.push("a change left no event of its own, or more than one".to_owned());
    }
    if of(&refused, "access.denied") != 1 {
        wrong.push("a refusal left no event of its own, or more than one".to_owned());
    }
    let observed = "A change and a refusal each left one event with actor, address, request and time.";
    Ok(Seen::unless(wrong, 2, observed.into()))
}

/// A4: the application's role can't rewrite the log.
pub(super) async fn immutability(app: &App) -> Result<Seen, ProbeError> {
    let (open, tried) = app.store.rewrites().await?;
    let wrong = open.into_iter().map(|what| format!("the log can be rewritten: {what}")).collect();
    let observed = format!(
        "{tried} ways to change, remove, truncate or back-date entries are refused to the application."
    );
    Ok(Seen::unless(wrong, tried, observed))
}
