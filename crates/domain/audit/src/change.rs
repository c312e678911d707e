use std::borrow::Cow;

use ward_kernel::Commitment;

use crate::Replaced;

/// What became of one field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Which field.
    pub field: Cow<'static, str>,
    /// What it held; nothing, if it was not there.
    pub before: Option<Value>,
    /// What it holds now; nothing, if it is gone.
    pub after: Option<Value>,
    /// What it held, if that is personal: kept beside the log.
    pub replaced: Option<Box<Replaced>>,
}

/// What a field held: in clear only where it says nothing about a person.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// Not personal.
    Plain(String),
    /// Personal: a commitment shows later which value was meant, and nothing before.
    Personal(Commitment),
}

impl Change {
    /// A field that says nothing about a person.
    pub fn plain(field: impl Into<Cow<'static, str>>, before: Option<&str>, after: Option<&str>) -> Self {
        let plain = |text: &str| Value::Plain(text.to_owned());
        Self { field: field.into(), before: before.map(plain), after: after.map(plain), replaced: None }
    }

    /// A personal field: the value that it held, and the commitment to the one that it holds.
    pub fn personal(
        field: impl Into<Cow<'static, str>>,
        replaced: Option<Replaced>,
        after: Option<Commitment>,
    ) -> Self {
        let before = replaced.as_ref().map(|replaced| Value::Personal(replaced.sealed.commitment));
        let (after, replaced) = (after.map(Value::Personal), replaced.map(Box::new));
        Self { field: field.into(), before, after, replaced }
    }
}
