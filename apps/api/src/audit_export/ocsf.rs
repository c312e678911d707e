//! [OCSF 1.4](https://schema.ocsf.io/1.4.0/): a class for each kind of action, and `unmapped` for what it has no attribute for.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem_openapi::types::ToJSON as _;
use serde_json::{Value, json};

use super::format::{Layout, Line, Log};
use super::json::slim;
use super::verb::Verb;
use crate::audit_event::{ActorView, EntityView, EventView};

const VERSION: &str = "1.4.0";

/// The log as a product's own events.
pub(super) struct Ocsf(pub(super) Log);

/// A class of events, by its number; the category is what stands before its last three digits.
#[derive(Clone, Copy)]
enum Class {
    AccountChange = 3001,
    Authentication = 3002,
    Api = 6003,
}

impl Layout for Ocsf {
    fn write(&self, line: Line, out: &mut String) {
        let event = self.event(&line);
        out.push_str(&event.to_string());
        out.push('\n');
    }
}

impl Ocsf {
    fn event(&self, line: &Line) -> Value {
        let event = &line.event;
        let (class, activity) = classify(event);
        let failed = event.outcome != "success" || matches!(class, Class::Authentication);
        let uid = class as u32;
        let mut written = slim(json!({
            "activity_id": activity,
            "activity_name": (activity == OTHER).then_some(&event.action),
            "category_uid": uid / 1000,
            "class_uid": uid,
            "type_uid": uid * 100 + activity,
            "time": line.at.timestamp_millis(),
            "timezone_offset": 0,
            "severity_id": if failed { 3 } else { 1 },
            "status_id": if failed { 2 } else { 1 },
            "status": event.outcome,
            "status_detail": event.reason,
            "message": event.action,
            "count": event.details.get("count").and_then(|count| count.as_str()?.parse::<u32>().ok()),
            "metadata": self.metadata(event),
            "actor": { "user": user(&event.actor) },
            "src_endpoint": endpoint(event),
            "http_request": { "uid": event.source.request_id, "user_agent": event.source.user_agent },
            "raw_data": line.text,
        }));
        if let Value::Object(written) = &mut written {
            match class {
                Class::Api => {
                    written.insert("api".into(), api(event));
                    written.insert("resources".into(), resources(event));
                }
                Class::AccountChange => {
                    written.insert("user".into(), account(&event.entity));
                }
                Class::Authentication => {
                    written.insert("user".into(), json!({ "name": "unknown", "type_id": 0 }));
                    written.insert("service".into(), json!({ "name": "ward-api" }));
                }
            }
            written.insert("unmapped".into(), unmapped(line));
        }
        written
    }

    fn metadata(&self, event: &EventView) -> Value {
        json!({
            "version": VERSION,
            "product": { "name": "Ward", "vendor_name": "Ward", "version": env!("CARGO_PKG_VERSION") },
            "uid": event.id,
            "sequence": event.index,
            "event_code": event.action,
            "correlation_uid": event.source.request_id,
            "log_name": "audit",
            "log_provider": self.0.deployment,
            "original_time": event.time.to_string(),
            "tenant_uid": self.0.tenant.to_string(),
        })
    }
}

/// An activity that the class has no number for.
const OTHER: u32 = 99;

/// The class of an event, and which of the class's activities it is.
fn classify(event: &EventView) -> (Class, u32) {
    match &*event.action {
        "api_key.created" => (Class::AccountChange, 1),
        // Another secret takes the place of the one before.
        "api_key.rotated" => (Class::AccountChange, 3),
        "api_key.revoked" => (Class::AccountChange, 5),
        // Strangers without a good credential.
        "access.refused" => (Class::Authentication, 1),
        action => (
            Class::Api,
            match Verb::of(action) {
                Verb::Create => 1,
                Verb::Read | Verb::Search => 2,
                Verb::Update => 3,
                Verb::Delete => 4,
                Verb::Other => OTHER,
            },
        ),
    }
}

/// Whoever acted.
fn user(actor: &ActorView) -> Value {
    let (type_id, kind) = match &*actor.kind {
        "user" => (1, None),
        "anonymous" => (0, None),
        kind if kind.starts_with("system:") => (3, None),
        kind => (OTHER, Some(kind)),
    };
    json!({
        "name": actor.kind, "uid": actor.id, "type_id": type_id, "type": kind,
        "credential_uid": actor.id.filter(|_| actor.kind == "api_key"),
    })
}

/// An API key, as the account that it is.
fn account(entity: &EntityView) -> Value {
    json!({ "uid": entity.id, "type_id": OTHER, "type": entity.kind })
}

fn endpoint(event: &EventView) -> Value {
    match event.source.ip.as_ref().filter(|ip| ip.parse::<IpAddr>().is_ok()) {
        Some(ip) => json!({ "ip": ip }),
        None if event.actor.kind.starts_with("system:") => json!({ "svc_name": "ward-api" }),
        None => json!({ "name": "unknown" }),
    }
}

fn api(event: &EventView) -> Value {
    slim(json!({
        "operation": if event.operation.is_empty() { "unknown" } else { &event.operation },
        "service": { "name": "ward-api" },
        "request": { "uid": event.source.request_id },
        "response": { "error": event.reason },
    }))
}

fn resources(event: &EventView) -> Value {
    let resource = |row: &EntityView| json!({ "uid": row.id, "type": row.kind });
    std::iter::once(&event.entity).chain(&event.covers).map(resource).collect()
}

fn unmapped(line: &Line) -> Value {
    let event = &line.event;
    json!({
        "operation": event.operation,
        "entity": event.entity.to_json(),
        "covers": event.covers.to_json(),
        "roles": event.actor.roles,
        "changes": event.changes,
        "discloses": event.discloses,
        "details": event.details,
        "trace_id": event.source.trace_id,
        "leaf_hash": STANDARD.encode(line.leaf.0),
    })
}
