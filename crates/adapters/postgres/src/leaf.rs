//! What a leaf says of an act, as the JSON text that is stored: written in one go, since an imported row has 2 KB of it.

use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use ward::audit::{Change, Leaf, Value};
use ward::kernel::{Commitment, Entity, StoreError};

/// The four texts of a leaf.
pub(crate) struct Texts {
    pub(crate) covers: String,
    pub(crate) changes: String,
    pub(crate) discloses: String,
    pub(crate) details: String,
}

impl Texts {
    pub(crate) fn of(leaf: &Leaf<'_>) -> Result<Self, StoreError> {
        let write = |text: Result<String, serde_json::Error>| {
            text.map_err(|error| StoreError::Failed(Box::new(error)))
        };
        Ok(Self {
            covers: write(serde_json::to_string(&Covers(leaf.covers)))?,
            changes: write(serde_json::to_string(&Changes(leaf.changes)))?,
            discloses: write(serde_json::to_string(leaf.discloses))?,
            details: write(serde_json::to_string(&Details(leaf.details)))?,
        })
    }
}

/// A stored text. What is no JSON was not written here, and is shown as it stands.
pub(crate) fn read(text: String) -> Json {
    serde_json::from_str(&text).unwrap_or(Json::String(text))
}

struct Covers<'a>(&'a [Entity]);
struct Changes<'a>(&'a [Change]);
struct Details<'a>(&'a [(&'static str, String)]);

#[derive(Serialize)]
struct Covered {
    kind: &'static str,
    id: uuid::Uuid,
}

#[derive(Serialize)]
struct Became<'a> {
    before: Option<Held<'a>>,
    after: Option<Held<'a>>,
}

struct Held<'a>(&'a Value);

struct Shown<'a>(&'a Commitment);

impl Serialize for Covers<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.collect_seq(self.0.iter().map(|entity| Covered { kind: entity.kind(), id: entity.id() }))
    }
}

impl Serialize for Changes<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.collect_map(self.0.iter().map(|change| {
            (
                &change.field,
                Became { before: change.before.as_ref().map(Held), after: change.after.as_ref().map(Held) },
            )
        }))
    }
}

impl Serialize for Details<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for Held<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Plain(text) => json.serialize_str(text),
            Value::Personal(commitment) => json.collect_map([("commitment", Shown(commitment))]),
        }
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.collect_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_shows_what_is_plain_and_the_commitment_to_what_is_not() {
        let changes = [
            Change::plain("kind", None, Some("clinician")),
            Change::personal("email", Some(Commitment([0xa1; 32])), None),
        ];
        let text = serde_json::to_string(&Changes(&changes)).unwrap();
        assert_eq!(
            read(text),
            json!({
                "kind": { "before": null, "after": "clinician" },
                "email": { "before": { "commitment": "a1".repeat(32) }, "after": null },
            })
        );
    }

    #[test]
    fn what_is_no_json_is_shown_all_the_same() {
        assert_eq!(read("{\"kind\":".into()), json!("{\"kind\":"));
    }
}
