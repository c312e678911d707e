//! The document made exact: no answer that an operation never gives, no member that a body doesn't take.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use ward::audit::log::{CHECKPOINT, KEY, PROVE_CONSISTENCY};
use ward::audit::{EXPORT, PROVE_EVENT};
use ward::kernel::{Operation, Requires};

use crate::routes::heeds_query;

/// Leaves out the refusals that the operation of `row` never gives: poem writes one list for all.
pub(crate) fn narrow(served: &mut Map<String, Value>, row: &Operation) {
    let parameters = served.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let places: BTreeSet<_> = parameters.filter_map(|parameter| parameter.get("in")?.as_str()).collect();
    let (known, body) = (row.requires != Requires::Nothing, served.contains_key("requestBody"));
    // What has no place in the log yet is in conflict with what is asked.
    let of_places = [PROVE_EVENT.id, CHECKPOINT.id, KEY.id];
    let never = [
        // Of the path, which knows other methods; of this operation it can't be.
        ("405", true),
        ("400", !known),
        ("401", !known),
        ("403", !matches!(row.requires, Requires::Permission(_))),
        ("404", !places.contains("path") && row.id != PROVE_CONSISTENCY.id),
        ("409", !row.writes && !of_places.contains(&row.id)),
        ("413", !body),
        ("415", !body),
        ("422", !heeds_query(row)),
        ("429", row.id != EXPORT.id),
    ];
    if let Some(responses) = served.get_mut("responses").and_then(Value::as_object_mut) {
        never.iter().filter(|(_, never)| *never).for_each(|(status, _)| drop(responses.remove(*status)));
    }
}

/// Says of the body of every change, and of each object in it, that it names something.
pub(crate) fn demand_changes(document: &mut Value) {
    for place in taken(document, |method| method == "patch") {
        if let Some(schema) = document.pointer_mut(&place).and_then(Value::as_object_mut) {
            schema.insert("minProperties".into(), json!(1));
        }
    }
}

/// Says of every object in a request's body that it takes no other members.
pub(crate) fn close_bodies(document: &mut Value) {
    for place in taken(document, |_| true) {
        if let Some(schema) = document.pointer_mut(&place).and_then(Value::as_object_mut)
            && schema.contains_key("properties")
        {
            schema.entry("additionalProperties").or_insert(json!(false));
        }
    }
}

/// Where the schemas are that bodies of such methods refer to, and those that these refer to.
fn taken(document: &Value, of: fn(&str) -> bool) -> BTreeSet<String> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let served = paths.filter_map(|(_, path)| path.as_object()).flatten();
    let served = served.filter(|(method, _)| of(method));
    let (mut found, mut open) = (BTreeSet::new(), Vec::new());
    served.filter_map(|(_, served)| served.get("requestBody")).for_each(|body| references(body, &mut open));
    while let Some(place) = open.pop() {
        if let Some(schema) = document.pointer(&place).filter(|_| found.insert(place.clone())) {
            references(schema, &mut open);
        }
    }
    found
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            let place = map.get("$ref").and_then(Value::as_str).and_then(|place| place.strip_prefix('#'));
            found.extend(place.map(str::to_owned));
            map.values().for_each(|inner| references(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_body_holds_is_closed_and_nothing_else() {
        let object = |of: &str| json!({ "type": "object", "properties": { "a": { "$ref": of } } });
        let mut document = json!({
            "paths": { "/x": { "post": {
                "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/schemas/Outer" } } } },
                "responses": { "200": { "schema": { "$ref": "#/schemas/Answer" } } },
            } } },
            "schemas": { "Outer": object("#/schemas/Inner"), "Inner": object("#/schemas/Outer"), "Answer": object("#/x") },
        });
        close_bodies(&mut document);
        let schemas = &document["schemas"];
        assert_eq!(schemas["Outer"]["additionalProperties"], false);
        assert_eq!(schemas["Inner"]["additionalProperties"], false);
        assert_eq!(schemas["Answer"].get("additionalProperties"), None);
    }

    #[test]
    fn the_body_of_a_change_names_something() {
        let body = json!({ "requestBody": { "schema": { "$ref": "#/schemas/Change" } } });
        let mut document = json!({
            "paths": { "/x": { "patch": body } },
            "schemas": { "Change": { "properties": { "a": { "$ref": "#/schemas/Inner" } } }, "Inner": {}, "Other": {} },
        });
        demand_changes(&mut document);
        assert_eq!(document["schemas"]["Change"]["minProperties"], 1);
        assert_eq!(document["schemas"]["Inner"]["minProperties"], 1);
        assert_eq!(document["schemas"]["Other"], json!({}));
    }
}
