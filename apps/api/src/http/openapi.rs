//! The OpenAPI 3.1 document, with `x-ward` on every operation.

use serde_json::{Map, Value, json};
use ward::assurance::Control;
use ward::kernel::{Operation, Requires};
use ward::subject::Catalogue;

use crate::http::{exact, links, vocabulary};

/// A string of RFC 8941 that isn't empty, or the same without its quotes.
const IDEMPOTENCY_KEY: &str = r#"^("([ !#-\[\]-~]|\\["\\])+"|[!#-~]([ -~]*[!-~])?)$"#;

/// How a path to a tile ends: see [`Tile`](ward::audit::tree::Tile).
const INDEX: &str = r"(x[0-9]{3}/)*[0-9]{3}(\.p/[1-9][0-9]{0,2})?";

/// The document and the operation table don't fit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undeclared {
    /// An operation is served that promises nothing.
    #[error("`{0}` is served, but not in the operation table")]
    Operation(String),
    /// The schema of a body is not where it was.
    #[error("the document has no schema `{0}` to complete")]
    Schema(&'static str),
    /// What poem wrote is not JSON.
    #[error("the document can't be read")]
    Unreadable(#[from] serde_json::Error),
}

/// What poem wrote, in version 3.1, joined with the operation table and the catalogue of fields.
pub(crate) fn document(
    written: &str,
    table: &[&'static Operation],
    catalogue: &Catalogue,
) -> Result<Value, Undeclared> {
    let mut document = joined(written, table)?;
    vocabulary::complete(&mut document, table, catalogue)?;
    exact::close_bodies(&mut document);
    exact::demand_changes(&mut document);
    links::join(&mut document);
    Ok(document)
}

fn joined(written: &str, table: &[&'static Operation]) -> Result<Value, Undeclared> {
    let mut document: Value = serde_json::from_str(written)?;
    modernise(&mut document);
    name_wildcards(&mut document);
    for served in operations(&mut document) {
        let id = served.get("operationId").and_then(Value::as_str).unwrap_or_default();
        let row =
            table.iter().find(|row| row.id == id).ok_or_else(|| Undeclared::Operation(id.to_owned()))?;
        served.insert("x-ward".into(), x_ward(row));
        if row.idempotent {
            offer_idempotency(served);
        }
        exact::narrow(served, row);
    }
    if let Some(version) = document.get_mut("openapi") {
        *version = json!("3.1.0");
    }
    Ok(document)
}

/// A copy whose descriptions say in words what `x-ward` says, for the reference page.
pub(crate) fn explained(document: &Value) -> Value {
    let mut document = document.clone();
    for served in operations(&mut document) {
        let told = served.get("x-ward").map(words).unwrap_or_default();
        let before = served.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = format!("{before}\n\n{told}");
        served.insert("description".into(), json!(text.trim()));
    }
    document
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document.pointer_mut("/paths").and_then(Value::as_object_mut);
    let methods = paths.into_iter().flatten().filter_map(|(_, path)| path.as_object_mut()).flatten();
    methods
        .filter_map(|(_, method)| method.as_object_mut())
        .filter(|method| method.contains_key("operationId"))
}

fn x_ward(row: &Operation) -> Value {
    let permission = match row.requires {
        Requires::Permission(name) => json!(name),
        Requires::Credential | Requires::Job(_) | Requires::Nothing => Value::Null,
    };
    json!({
        "permission": permission,
        "audit": row.events.iter().map(|event| event.as_str()).collect::<Vec<_>>(),
        "discloses": row.discloses,
        "controls": controls(row),
        "rate": row.rate,
        "idempotent": row.idempotent,
        "public": row.requires == Requires::Nothing,
    })
}

/// Those that the row names, and those that every row of its kind serves.
fn controls(row: &Operation) -> Vec<&'static str> {
    let guarded = matches!(row.requires, Requires::Permission(_));
    let kinds = [("R3", guarded), ("T10", guarded && !row.writes), ("W4", row.idempotent)];
    let of_its_kind = kinds.into_iter().filter(|(id, serves)| *serves && !row.controls.contains(id));
    row.controls.iter().copied().chain(of_its_kind.map(|(id, _)| id)).collect()
}

fn words(x_ward: &Value) -> String {
    let list = |name: &str, told: fn(&str) -> String| {
        let items =
            x_ward.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let items: Vec<_> = items.map(told).collect();
        if items.is_empty() { "none".to_owned() } else { items.join(", ") }
    };
    let permission = match x_ward.get("permission").and_then(Value::as_str) {
        Some(name) => code(name),
        None if x_ward.get("public") == Some(&json!(true)) => "none, it is public".to_owned(),
        None => "none but a good credential".to_owned(),
    };
    format!(
        "- **Permission**: {permission}\n- **Audit events**: {}\n- **Controls**: {}",
        list("audit", code),
        list("controls", titled),
    )
}

fn code(word: &str) -> String {
    format!("`{word}`")
}

fn titled(control: &str) -> String {
    let title = Control::find(control).map(|control| format!(" ({})", control.title));
    format!("{}{}", code(control), title.unwrap_or_default())
}

fn offer_idempotency(served: &mut Map<String, Value>) {
    let header = json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "Makes sending the request again harmless, for 24 hours: the first answer that changed something is sent again, with `Idempotent-Replayed: true`. A refusal is not kept.",
        "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": IDEMPOTENCY_KEY },
    });
    if let Some(parameters) = served.entry("parameters").or_insert_with(|| json!([])).as_array_mut() {
        parameters.push(header);
    }
}

/// The router writes `*name` for a rest of the path, which OpenAPI has no word for: it is a parameter whose slashes stand for
/// themselves.
fn name_wildcards(document: &mut Value) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    let wild: Vec<_> = paths.keys().filter(|path| path.contains("/*")).cloned().collect();
    for path in wild {
        let Some((before, name)) = path.split_once("/*") else { continue };
        let mut methods = paths.remove(&path).unwrap_or_default();
        let (begin, example) =
            if before.ends_with("/entries") { ("", "000.p/1") } else { ("[0-7]/", "0/000.p/1") };
        let parameter = json!({
            "name": name, "in": "path", "required": true, "example": example,
            "schema": { "type": "string", "pattern": format!("^{begin}{INDEX}$") },
            "description": "Its slashes stand for themselves.",
        });
        for served in
            methods.as_object_mut().into_iter().flatten().filter_map(|(_, served)| served.as_object_mut())
        {
            let parameters = served.entry("parameters").or_insert_with(|| json!([]));
            parameters.as_array_mut().into_iter().for_each(|all| all.push(parameter.clone()));
        }
        paths.insert(format!("{before}/{{{name}}}"), methods);
    }
}

/// 3.0 says `nullable: true` where 3.1 says that the type may be null; and a property that isn't required may be.
fn modernise(value: &mut Value) {
    if let Value::Object(map) = value {
        let nullable = map.remove("nullable") == Some(Value::Bool(true));
        if nullable {
            allow_null(map);
        }
        for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
            if map.get(flag).is_some_and(Value::is_boolean)
                && map.remove(flag) == Some(Value::Bool(true))
                && let Some(limit) = map.remove(bound)
            {
                map.insert(flag.into(), limit);
            }
        }
        for bound in ["minimum", "maximum"] {
            let whole = map.get(bound).and_then(Value::as_f64).filter(|limit| limit.fract() == 0.0);
            whole.into_iter().for_each(|limit| drop(map.insert(bound.into(), json!(limit as i64))));
        }
        if map.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
            map.entry("minimum").or_insert(json!(0));
        }
        let required = map.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) {
            let optional = properties.iter_mut().filter(|(name, _)| !required.contains(&json!(name)));
            optional.filter_map(|(_, schema)| schema.as_object_mut()).for_each(allow_null);
        }
        map.values_mut().for_each(modernise);
    } else if let Value::Array(items) = value {
        items.iter_mut().for_each(modernise);
    }
}

pub(crate) fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(kind) = schema.get_mut("type") {
        if kind.is_string() {
            *kind = json!([kind.take(), "null"]);
        }
        if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut)
            && !words.contains(&Value::Null)
        {
            words.push(Value::Null);
        }
    } else if !schema.contains_key("anyOf") && !schema.is_empty() {
        let whole = Value::Object(std::mem::take(schema));
        schema.insert("anyOf".into(), json!([whole, { "type": "null" }]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_absent_may_be_null() {
        let mut schema = json!({
            "type": "object", "required": ["a"],
            "properties": { "a": { "type": "string" }, "b": { "type": "string" }, "c": { "$ref": "#/x" } },
        });
        modernise(&mut schema);
        assert_eq!(schema["properties"]["a"]["type"], "string");
        assert_eq!(schema["properties"]["b"]["type"], json!(["string", "null"]));
        assert_eq!(schema["properties"]["c"]["anyOf"], json!([{ "$ref": "#/x" }, { "type": "null" }]));
    }

    #[test]
    fn a_rest_of_a_path_is_a_parameter() {
        let mut document = json!({ "paths": { "/tile/*tile": { "get": {} } } });
        name_wildcards(&mut document);
        assert_eq!(document["paths"]["/tile/{tile}"]["get"]["parameters"][0]["name"], "tile");
    }

    #[test]
    fn an_operation_that_promises_nothing_is_refused() {
        let written = r#"{"openapi":"3.0.0","paths":{"/x":{"get":{"operationId":"x"}}}}"#;
        assert!(matches!(joined(written, &[]), Err(Undeclared::Operation(id)) if id == "x"));
    }
}
