//! A body that is one of something, or an array of them.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, Type};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Up to `MOST` of something, and whether it was written as an array.
#[derive(Debug)]
pub(crate) struct OneOrMany<T, const MOST: usize> {
    pub(crate) all: Vec<T>,
    pub(crate) is_array: bool,
}

impl<T, const MOST: usize> OneOrMany<T, MOST> {
    /// Each, and where it stands in the body, as a JSON Pointer.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (String, &T)> {
        let place = |n| if self.is_array { format!("/{n}") } else { String::new() };
        self.all.iter().enumerate().map(move |(n, one)| (place(n), one))
    }
}

struct Either<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Either<T, MOST> {
    type Value = OneOrMany<T, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array of such")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        let one = T::deserialize(MapAccessDeserializer::new(members))?;
        Ok(OneOrMany { all: vec![one], is_array: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        Ok(OneOrMany { all: Vec::deserialize(SeqAccessDeserializer::new(items))?, is_array: true })
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for OneOrMany<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either(PhantomData))
    }
}

impl<T: Type, const MOST: usize> Type for OneOrMany<T, MOST> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        format!("one or many {}", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let many = MetaSchema {
            items: Some(Box::new(T::schema_ref())),
            min_items: Some(1),
            max_items: Some(MOST),
            ..MetaSchema::new("array")
        };
        let either = vec![T::schema_ref(), MetaSchemaRef::Inline(Box::new(many))];
        MetaSchemaRef::Inline(Box::new(MetaSchema { one_of: either, ..MetaSchema::ANY }))
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: Type + for<'de> Deserialize<'de>, const MOST: usize> ParseFromJSON for OneOrMany<T, MOST> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map_err(ParseError::custom)
    }
}
