//! Fields of subjects and records in JSON: a map of names to texts, or to an object of texts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};
use ward::audit::Receipt;
use ward::crypto::{OpenError, SubjectKey};
use ward::kernel::{Commitment, Place};
use ward::subject::{FieldError, SealedFields};

use crate::app::App;
use crate::http::problem::{Fault, Refused};

/// Named values; naming one twice is refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldMap(pub(crate) BTreeMap<String, Value>);

impl Deref for FieldMap {
    type Target = BTreeMap<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl FieldMap {
    /// The fields as a domain function reads them.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Adds a field; one of a group goes into the group's object.
    fn put(&mut self, name: &str, text: String) {
        let Some((group, part)) = name.split_once('.') else {
            return drop(self.0.insert(name.to_owned(), text.into()));
        };
        let group = self.0.entry(group.to_owned()).or_insert_with(|| Map::new().into());
        group.as_object_mut().map(|parts| parts.insert(part.to_owned(), text.into()));
    }
}

impl<'de> Deserialize<'de> for FieldMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Unique).map(Self)
    }
}

struct Unique;

impl<'de> Visitor<'de> for Unique {
    type Value = BTreeMap<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut given: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((name, Plain(value))) = given.next_entry::<String, Plain>()? {
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate field"));
            }
        }
        Ok(map)
    }
}

/// A text, nothing, or an object of such, without duplicate names.
struct Plain(Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlainVisitor).map(Self)
    }
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an object of strings")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, given: A) -> Result<Value, A::Error> {
        Unique.visit_map(given).map(|map| Value::Object(map.into_iter().collect()))
    }
}

/// Tells a field that is `null` from one that is not there.
pub(crate) fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The fields that a change names. If it names none, it names something `more`.
pub(crate) fn to_change(fields: Option<FieldMap>, more: bool) -> Result<FieldMap, Refused> {
    match fields {
        None if !more => Err(Refused::nothing_named("")),
        Some(fields) if fields.0.is_empty() => Err(Refused::nothing_named("/fields")),
        fields => Ok(fields.unwrap_or_default()),
    }
}

/// What is wrong with fields, below `pointer`.
pub(crate) fn faults(pointer: &str, errors: Vec<FieldError>) -> impl Iterator<Item = Fault> {
    errors.into_iter().map(move |error| Fault::new(format!("{pointer}{}", error.pointer), error.detail))
}

impl App {
    /// Opens a field for whoever holds the receipt; one whose key was destroyed is left out.
    pub(crate) fn open(
        &self,
        key: Option<&SubjectKey>,
        place: Place<'_>,
        sealed: &[u8],
        receipt: &Receipt,
    ) -> Result<Option<String>, Refused> {
        let Some(key) = key else { return Ok(None) };
        let clear = self.vault.open(key, place, sealed, receipt)?;
        String::from_utf8(clear.as_bytes().to_vec()).map(Some).map_err(|error| Refused::logged(&error))
    }

    /// Opens what the log commits to; nothing, if this isn't it.
    pub(crate) fn open_committed(
        &self,
        key: &SubjectKey,
        place: Place<'_>,
        sealed: &[u8],
        commitment: Commitment,
        receipt: &Receipt,
    ) -> Result<Option<String>, Refused> {
        let clear = match self.vault.open(key, place, sealed, receipt) {
            Ok(clear) => clear,
            Err(error @ OpenError::NotCovered) => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        let is_it = self.vault.confirm(key, (place, sealed), clear.as_bytes(), commitment, receipt)?;
        Ok(clear.as_str().filter(|_| is_it).map(str::to_owned))
    }

    /// Opens all the fields of a row.
    pub(crate) fn open_all(
        &self,
        key: Option<&SubjectKey>,
        row: Place<'_>,
        sealed: &SealedFields,
        receipt: &Receipt,
    ) -> Result<FieldMap, Refused> {
        let mut fields = FieldMap::default();
        for (name, sealed) in &sealed.0 {
            if let Some(text) = self.open(key, Place { column: name, ..row }, &sealed.bytes, receipt)? {
                fields.put(name, text);
            }
        }
        Ok(fields)
    }
}

impl Type for FieldMap {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "Fields".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let text = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let object =
            MetaSchema { additional_properties: Some(Box::new(text())), ..MetaSchema::new("object") };
        let either =
            MetaSchema { any_of: vec![text(), MetaSchemaRef::Inline(Box::new(object))], ..MetaSchema::ANY };
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some(
                "Names of fields, and what they hold: a text, or for an address an object of texts.",
            ),
            additional_properties: Some(Box::new(MetaSchemaRef::Inline(Box::new(either)))),
            ..MetaSchema::new("object")
        }))
    }

    fn register(_: &mut Registry) {}

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ToJSON for FieldMap {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(&self.0).ok()
    }
}

impl ParseFromJSON for FieldMap {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map_err(ParseError::custom)
    }
}
