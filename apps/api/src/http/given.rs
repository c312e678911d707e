//! Values that a client gives: each is written one way, and the document says which.

mod forms;
mod log;

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

pub(crate) use forms::{Cursor, Day, Instant, Law, Limit, Line, MailAddress, MailDomain, Phone, Words, Zone};
pub(crate) use log::{ActionName, Address, Name, OwnAction, Place, Size};

/// How a value is written.
pub(crate) trait Form {
    /// What it is to us.
    type Value: Send + Sync;

    /// The value, or what is wrong with the text; never the text itself.
    fn parse(text: &str) -> Result<Self::Value, &'static str>;

    fn write(value: &Self::Value) -> String;

    fn schema() -> MetaSchema;
}

/// What was written in that form.
pub(crate) struct Given<F: Form>(pub(crate) F::Value);

/// Begins a fault of ours among the messages of parsers, which hold what they read.
const OURS: &str = "given: ";
const PARAMETER: &str = "failed to parse \"value\": ";

/// The fault of ours that a parser's `message` is about.
pub(crate) fn fault(message: &str) -> Option<&str> {
    let fault = message.strip_prefix(PARAMETER).unwrap_or(message).strip_prefix(OURS)?;
    let ends = [" at line ", " (occurred while parsing "].into_iter().filter_map(|more| fault.find(more));
    ends.min().map_or(Some(fault), |end| fault.get(..end))
}

impl<'de, F: Form> Deserialize<'de> for Given<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        F::parse(&text).map(Self).map_err(|fault| D::Error::custom(format!("{OURS}{fault}")))
    }
}

impl<F: Form> ParseFromParameter for Given<F> {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        F::parse(text).map(Self).map_err(|fault| ParseError::custom(format!("{OURS}{fault}")))
    }
}

impl<F: Form> ParseFromJSON for Given<F> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map_err(ParseError::custom)
    }
}

impl<F: Form> ToJSON for Given<F> {
    fn to_json(&self) -> Option<Value> {
        Some(F::write(&self.0).into())
    }
}

impl<F: Form> Type for Given<F> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "value".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(F::schema()))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}
