//! What can be done with what was just made, as links of the document: its id leads on.

use serde_json::{Map, Value, json};

/// Links every operation that makes something to all that take its id.
pub(crate) fn join(document: &mut Value) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    let known = paths.clone();
    for (path, methods) in paths {
        let Some(made) = methods.pointer_mut("/post/responses/201").and_then(Value::as_object_mut) else {
            continue;
        };
        let links: Map<String, Value> = made_by(path, &known).map(|id| (id.to_owned(), link(id))).collect();
        if !links.is_empty() {
            made.insert("links".into(), links.into());
        }
    }
}

/// The operations on one of the collection that `path` adds to: the last word of it, or what the item it renews is in.
fn made_by<'a>(path: &str, known: &'a Map<String, Value>) -> impl Iterator<Item = &'a str> {
    let renewed = path.split_once("/{id}").map(|(collection, _)| collection.to_owned());
    let added = path.rsplit_once('/').map(|(_, last)| format!("/v1/{last}"));
    let item = |collection: Option<String>| collection.map(|collection| format!("{collection}/{{id}}"));
    let there = |item: &String| known.contains_key(item);
    let item = item(added).filter(there).or_else(|| item(renewed).filter(there)).unwrap_or_default();
    let of_it = known.iter().filter(move |(path, _)| !item.is_empty() && path.starts_with(&item));
    let methods = of_it.filter_map(|(_, methods)| methods.as_object()).flatten();
    methods.filter_map(|(_, served)| served.get("operationId")?.as_str())
}

fn link(operation: &str) -> Value {
    json!({ "operationId": operation, "parameters": { "id": "$response.body#/id" } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_leads_to_what_takes_its_id() {
        let served = |id: &str| json!({ "operationId": id, "responses": { "201": {} } });
        let mut document = json!({ "paths": {
            "/v1/subjects/{id}/records": { "post": served("createRecord") },
            "/v1/records/{id}": { "get": served("showRecord"), "delete": served("deleteRecord") },
            "/v1/api-keys/{id}": { "delete": served("revokeApiKey") },
            "/v1/api-keys/{id}/rotate": { "post": served("rotateApiKey") },
            "/v1/imports": { "post": served("importData") },
        } });
        join(&mut document);
        let links = |path: &str| {
            let links = document["paths"][path]["post"]["responses"]["201"]["links"].as_object().cloned();
            links.unwrap_or_default().keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(links("/v1/subjects/{id}/records"), ["deleteRecord", "showRecord"]);
        assert_eq!(links("/v1/api-keys/{id}/rotate"), ["revokeApiKey", "rotateApiKey"]);
        assert!(links("/v1/imports").is_empty());
    }
}
