//! What the document says of words that are data: it names every field, category and permission that is taken, and no other.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use ward::kernel::{Operation, Requires};
use ward::subject::{ADDRESS, Catalogue, FieldSpec, Format};

use crate::http::openapi::{Undeclared, allow_null};

const BUT_SPACE: &str = r"[^\u0000- \u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]";

/// Not blank, and without control characters.
pub(crate) fn line() -> String {
    text(r"[^\u0000-\u001f\u007f-\u009f]")
}

fn lines() -> String {
    text(r"[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]")
}

fn text(character: &str) -> String {
    format!("^{BUT_SPACE}({character}*{BUT_SPACE})?$")
}

/// Completes the schemas of the bodies that hold such words.
pub(crate) fn complete(
    document: &mut Value,
    table: &[&'static Operation],
    catalogue: &Catalogue,
) -> Result<(), Undeclared> {
    let permissions: BTreeSet<_> = table.iter().filter_map(|row| permission(row)).collect();
    let permissions = json!({ "type": "string", "enum": permissions });
    set(document, "NewKey", "/permissions/items", permissions)?;

    let subject = properties(catalogue.subject());
    set(document, "NewSubject", "/fields", object(subject.clone()))?;
    set(document, "SubjectChange", "/fields", change(subject))?;

    let names: Vec<_> = catalogue.categories().iter().map(|category| category.name).collect();
    set(document, "NewRecord", "/category", json!({ "type": "string", "enum": names }))?;
    set(document, "NewRecord", "/fields", json!({ "type": "object" }))?;
    let kinds = catalogue.categories().iter().map(|category| {
        let fields = object(properties(&category.fields));
        json!({ "title": category.name, "properties": { "category": { "const": category.name }, "fields": fields } })
    });
    let of_a_kind = schema(document, "NewRecord")?.as_object_mut().ok_or(Undeclared::Schema("NewRecord"))?;
    of_a_kind.insert("oneOf".into(), kinds.collect());
    let mut all = Map::new();
    for (name, field) in catalogue.categories().iter().flat_map(|category| properties(&category.fields)) {
        let known = all.entry(name).or_insert_with(|| field.clone());
        if *known != field {
            *known = json!({}); // two categories mean two things by it
        }
    }
    set(document, "RecordChange", "/fields", change(all))
}

fn permission(row: &Operation) -> Option<&'static str> {
    match row.requires {
        Requires::Permission(name) => Some(name),
        _ => None,
    }
}

fn schema<'a>(document: &'a mut Value, name: &'static str) -> Result<&'a mut Value, Undeclared> {
    document.pointer_mut(&format!("/components/schemas/{name}")).ok_or(Undeclared::Schema(name))
}

/// Replaces a property, or what is at `place` below the properties, but for its description.
fn set(document: &mut Value, of: &'static str, place: &str, value: Value) -> Result<(), Undeclared> {
    let property = schema(document, of)?.pointer_mut(&format!("/properties{place}"));
    let property = property.ok_or(Undeclared::Schema(of))?;
    let described = property.get("description").cloned();
    *property = value;
    let described = described.zip(property.as_object_mut());
    described.into_iter().for_each(|(text, property)| drop(property.insert("description".into(), text)));
    Ok(())
}

fn properties(specs: &[FieldSpec]) -> Map<String, Value> {
    specs.iter().map(|spec| (spec.name().to_owned(), field(*spec))).collect()
}

fn object(properties: Map<String, Value>) -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

/// What `null` removes may be null, and so may the whole.
fn change(mut properties: Map<String, Value>) -> Value {
    properties.values_mut().filter_map(Value::as_object_mut).for_each(allow_null);
    let mut whole = object(properties);
    whole.as_object_mut().into_iter().for_each(allow_null);
    whole
}

fn field(spec: FieldSpec) -> Value {
    let line = |most| json!({ "type": "string", "minLength": 1, "maxLength": most, "pattern": line() });
    match spec.format() {
        Format::Line(most) => line(most),
        Format::Prose(most) => {
            json!({ "type": "string", "minLength": 1, "maxLength": most, "pattern": lines() })
        }
        Format::Email => json!({ "type": "string", "format": "idn-email", "maxLength": 254 }),
        Format::Phone => json!({ "type": "string", "pattern": r"^\+[1-9][0-9]{6,14}$" }),
        Format::Date => json!({ "type": "string", "format": "date" }),
        Format::Amount => json!({ "type": "string", "pattern": "^[0-9]{1,15}$" }),
        Format::Address => {
            let parts = ADDRESS.iter().map(|part| ((*part).to_owned(), line(200))).collect();
            let mut address = object(parts);
            address
                .as_object_mut()
                .into_iter()
                .for_each(|it| drop(it.insert("minProperties".into(), json!(1))));
            address
        }
        // The name says whose check digits there are; no pattern can.
        Format::Issued(_) => json!({ "type": "string", "maxLength": 40, "format": spec.name() }),
        _ => json!({ "type": "string" }),
    }
}
