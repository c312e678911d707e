//! What the document says of words that are data: it names every field, category and permission that is taken, and no other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use ward::audit::first_words;
use ward::kernel::{Operation, Requires};
use ward::subject::{Catalogue, FieldSpec, Format};

use crate::audit_record::{DETAIL, EACH};
use crate::http::openapi::{Undeclared, allow_null};

/// A telephone number as [E.164](https://www.itu.int/rec/T-REC-E.164) writes it.
pub(crate) const PHONE: &str = r"^\+[1-9][0-9]{6,14}$";

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
    let facts = json!({
        "type": ["object", "null"], "maxProperties": EACH,
        "propertyNames": { "pattern": "^[a-z_]+$", "maxLength": 50 },
        "additionalProperties": { "type": "string", "minLength": 1, "maxLength": DETAIL, "pattern": line() },
    });
    set(document, "NewEvent", "/details", facts)?;
    let action =
        schema(document, "NewEvent")?.pointer_mut("/properties/action").and_then(Value::as_object_mut);
    let taken = action.ok_or(Undeclared::Schema("NewEvent"))?.entry("not");
    taken.or_insert(
        json!({ "pattern": format!(r"^_*({})_*\.", Vec::from_iter(first_words(table)).join("|")) }),
    );
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

/// A property for each field; those of a group are properties of one object.
fn properties(specs: &[FieldSpec]) -> Map<String, Value> {
    let (mut all, mut groups) = (Map::new(), BTreeMap::<_, Map<_, _>>::new());
    for spec in specs {
        let (of, name) = match spec.name().split_once('.') {
            None => (&mut all, spec.name()),
            Some((group, part)) => (groups.entry(group).or_default(), part),
        };
        of.insert(name.to_owned(), field(*spec));
    }
    all.extend(groups.into_iter().map(|(name, parts)| (name.to_owned(), group(parts))));
    all
}

/// An object that isn't empty.
fn group(parts: Map<String, Value>) -> Value {
    let mut group = object(parts);
    group.as_object_mut().into_iter().for_each(|group| drop(group.insert("minProperties".into(), json!(1))));
    group
}

fn object(properties: Map<String, Value>) -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

/// What `null` removes may be null: each property, and each of a group.
fn change(properties: Map<String, Value>) -> Value {
    let mut whole = group(properties);
    whole.as_object_mut().into_iter().for_each(removable);
    whole
}

fn removable(schema: &mut Map<String, Value>) {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    let properties = properties.into_iter().flat_map(|properties| properties.values_mut());
    for property in properties.filter_map(Value::as_object_mut) {
        removable(property);
        allow_null(property);
    }
}

fn field(spec: FieldSpec) -> Value {
    let line = |most| json!({ "type": "string", "minLength": 1, "maxLength": most, "pattern": line() });
    match spec.format() {
        Format::Line(most) => line(most),
        Format::Prose(most) => {
            json!({ "type": "string", "minLength": 1, "maxLength": most, "pattern": lines() })
        }
        Format::Email => json!({ "type": "string", "format": "idn-email", "maxLength": 254 }),
        Format::Phone => json!({ "type": "string", "pattern": PHONE }),
        Format::Date => json!({ "type": "string", "format": "date" }),
        Format::Amount => json!({ "type": "string", "pattern": "^[0-9]{1,15}$" }),
        // The name says whose check digits there are; no pattern can.
        Format::Issued(_) => json!({ "type": "string", "maxLength": 40, "format": spec.name() }),
        _ => json!({ "type": "string" }),
    }
}

#[cfg(test)]
mod tests {
    use ward::subject::Category;

    use super::*;

    fn document() -> Value {
        let body = |names: &[&str]| {
            let described = json!({ "description": "What it is.", "items": {} });
            json!({ "properties": names.iter().map(|name| ((*name).to_owned(), described.clone())).collect::<Map<_, _>>() })
        };
        json!({ "components": { "schemas": {
            "NewKey": body(&["permissions"]), "NewSubject": body(&["fields"]), "SubjectChange": body(&["fields"]),
            "NewRecord": body(&["category", "fields"]), "RecordChange": body(&["fields"]), "NewEvent": body(&["action", "details"]),
        } } })
    }

    #[test]
    fn what_a_product_adds_is_in_the_document() {
        let field = FieldSpec::new;
        let fields = vec![field("shoe_size", Format::Amount), field("text", Format::Line(5))];
        let catalogue = Catalogue::standard().with(Category { name: "podiatry", fields });
        let mut document = document();
        complete(&mut document, &[&ward::tenancy::SHOW_TENANT], &catalogue).unwrap();
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["NewKey"]["properties"]["permissions"]["items"]["enum"], json!(["tenant.read"]));
        let category = &schemas["NewRecord"]["properties"]["category"];
        assert!(category["enum"].as_array().unwrap().contains(&json!("podiatry")), "{category}");
        assert_eq!(category["description"], "What it is.");
        let kinds = schemas["NewRecord"]["oneOf"].as_array().unwrap();
        let feet = &kinds.iter().find(|kind| kind["title"] == "podiatry").unwrap()["properties"]["fields"];
        assert_eq!(feet["properties"]["shoe_size"]["pattern"], "^[0-9]{1,15}$");
        assert_eq!(feet["additionalProperties"], false);
        // A note's text is another than a podiatrist's, and which one it is the record says.
        let change = &schemas["RecordChange"]["properties"]["fields"]["properties"];
        assert_eq!(change["text"], json!({}));
        assert_eq!(change["shoe_size"]["type"], json!(["string", "null"]));
    }

    #[test]
    fn a_schema_that_is_not_there_is_named() {
        let mut document = document();
        document["components"]["schemas"]["NewRecord"] = json!({});
        let missing = complete(&mut document, &[], &Catalogue::standard());
        assert!(matches!(missing, Err(Undeclared::Schema("NewRecord"))));
    }
}
