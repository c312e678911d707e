//! [AuditEvent of FHIR R4](https://hl7.org/fhir/R4/auditevent.html), a resource a line, as FHIR's bulk data has them.

mod pattern;

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem_openapi::types::ToJSON as _;
use serde_json::{Value, json};
use uuid::Uuid;

use self::pattern::{Code, Pattern, coding};
use super::format::{Layout, Line, Log};
use super::json::slim;
use crate::audit_event::EventView;

const BALP: &str = "https://profiles.ihe.net/ITI/BALP";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";

/// The log as AuditEvents; those that hold what a profile of IHE's Basic Audit Log Patterns asks for, say so.
pub(super) struct Fhir(pub(super) Log);

impl Layout for Fhir {
    fn names_patients(&self) -> bool {
        true
    }

    fn write(&self, line: Line, out: &mut String) {
        out.push_str(&self.event(&line).to_string());
        out.push('\n');
    }
}

impl Fhir {
    fn event(&self, line: &Line) -> Value {
        let event = &line.event;
        let pattern = Pattern::of(&event.action);
        let succeeded = event.outcome == "success" && !pattern.is_failure;
        let action = Code("urn:ward:audit-action", clean(&event.action));
        slim(json!({
            "resourceType": "AuditEvent",
            "id": event.id,
            "meta": { "profile": [profile(&pattern, line).filter(|_| succeeded)] },
            "type": coding(&pattern.kind),
            "subtype": [pattern.subtype.as_ref().map(coding), Some(coding(&action))],
            "action": pattern.action,
            "recorded": event.time.to_string(),
            "outcome": if succeeded { "0" } else { "4" },
            "outcomeDesc": event.reason.as_deref().map(clean),
            "agent": self.agents(&pattern, event),
            "source": {
                "site": self.0.tenant.to_string(),
                "observer": { "identifier": { "value": clean(&self.0.deployment) }, "display": "Ward" },
                "type": [coding(&Code(SOURCE_TYPE, "4"))],
            },
            "entity": entities(line),
        }))
    }

    /// Whatever called, where it called, and who stood behind it, if that was somebody else.
    fn agents(&self, pattern: &Pattern, event: &EventView) -> Vec<Value> {
        let actor = &event.actor;
        let is_user = actor.kind == "user";
        let who = json!({ "identifier": actor.id.map(identifier), "display": clean(&actor.kind) });
        let roles: Vec<_> = actor.roles.iter().map(|role| json!({ "text": clean(role) })).collect();
        let client = json!({
            "type": concept(&pattern.client),
            "who": if is_user { json!({ "display": "client" }) } else { who.clone() },
            "role": if is_user { &[][..] } else { &roles },
            "requestor": !is_user,
            "network": address(event).map(|ip| json!({ "address": ip, "type": "2" })),
        });
        let name = clean(&self.0.deployment);
        let server = json!({
            "type": concept(&pattern.server),
            "who": { "identifier": { "value": name } },
            "requestor": false,
            "network": { "address": name, "type": "1" },
        });
        let user = json!({ "type": concept(&pattern.user), "who": who, "role": roles, "requestor": true });
        if is_user { vec![client, server, user] } else { vec![client, server] }
    }
}

/// The profile of which it has all parts; none for what several people are told of.
fn profile(pattern: &Pattern, line: &Line) -> Option<String> {
    let verb = pattern.profile?;
    let event = &line.event;
    address(event).filter(|_| event.actor.id.is_some())?;
    let patient = match (line.subjects().count(), line.patients.len()) {
        (0 | 1, 0) => "",
        (1, 1) => "Patient",
        _ => return None,
    };
    Some(format!("{BALP}/StructureDefinition/IHE.BasicAudit.{patient}{verb}"))
}

fn address(event: &EventView) -> Option<&str> {
    event.source.ip.as_deref().filter(|ip| ip.parse::<IpAddr>().is_ok())
}

/// What it happened to, people among that, and the request.
fn entities(line: &Line) -> Vec<Value> {
    let event = &line.event;
    let data = json!({
        "what": { "identifier": identifier(event.entity.id) },
        "type": coding(&Code(ENTITY_TYPE, "2")),
        "role": coding(&Code(ROLE, "4")),
        "name": clean(&event.entity.kind),
        "detail": details(line),
    });
    let mut entities = vec![data];
    entities.extend(line.subjects().map(|id| person(id, line.patients.contains(&id))));
    let others = event.covers.iter().filter(|row| row.kind != "subject").map(|row| {
        json!({
            "what": { "identifier": identifier(row.id) },
            "type": coding(&Code(ENTITY_TYPE, "4")),
            "name": clean(&row.kind),
        })
    });
    entities.extend(others);
    if !event.source.request_id.is_empty() {
        let request = Code(format!("{BALP}/CodeSystem/BasicAuditEntityType"), "XrequestId");
        entities.push(json!({
            "what": { "identifier": { "value": clean(&event.source.request_id) } }, "type": coding(&request),
        }));
    }
    entities
}

fn person(id: Uuid, is_patient: bool) -> Value {
    json!({
        "what": { "type": is_patient.then_some("Patient"), "identifier": identifier(id) },
        "type": coding(&Code(ENTITY_TYPE, "1")),
        "role": is_patient.then(|| coding(&Code(ROLE, "1"))),
    })
}

/// What FHIR has no element for.
fn details(line: &Line) -> Vec<Value> {
    let event = &line.event;
    let some =
        |value: &Value| value.as_object().is_some_and(|value| !value.is_empty()).then(|| value.to_string());
    let pairs = [
        ("index", Some(event.index.to_string())),
        ("leaf_hash", Some(STANDARD.encode(line.leaf.0))),
        ("operation", Some(event.operation.clone())),
        ("changes", some(&event.changes)),
        ("discloses", (!event.discloses.is_empty()).then(|| event.discloses.to_json_string())),
        ("details", some(&event.details)),
        ("user_agent", event.source.user_agent.clone()),
        ("trace_id", event.source.trace_id.clone()),
    ];
    let told =
        pairs.into_iter().filter_map(|(name, value)| Some((name, value.filter(|text| !text.is_empty())?)));
    told.map(|(name, value)| json!({ "type": name, "valueString": clean(&value) })).collect()
}

fn identifier(id: Uuid) -> Value {
    json!({ "system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{id}") })
}

fn concept(code: &Code<&'static str>) -> Value {
    json!({ "coding": [coding(code)] })
}

/// A text as FHIR takes it: without the control characters that it doesn't.
fn clean(text: &str) -> String {
    let letter = |letter| match letter {
        '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' => char::REPLACEMENT_CHARACTER,
        letter => letter,
    };
    text.chars().map(letter).collect()
}
