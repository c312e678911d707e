use std::collections::BTreeMap;

use serde_json::{Map, Value};
use ward_kernel::{Commitment, Place, SealError, SealedBytes, Sealer};

use crate::format::{ADDRESS, Format};

/// A field's name and what it may hold.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    pub(crate) name: &'static str,
    pub(crate) format: Format,
}

impl FieldSpec {
    /// Accepts a name of 1 to 255 of `a-z`, `0-9` and `_`.
    ///
    /// ```
    /// # use ward_subject::{FieldSpec, Format};
    /// const FIELD: FieldSpec = FieldSpec::new("shoe_size", Format::Amount);
    /// ```
    /// ```compile_fail
    /// # use ward_subject::{FieldSpec, Format};
    /// const FIELD: FieldSpec = FieldSpec::new("Shoe size", Format::Amount);
    /// ```
    pub const fn new(name: &'static str, format: Format) -> Self {
        let mut rest = name.as_bytes();
        assert!(matches!(rest.len(), 1..=255), "a field's name has 1 to 255 characters");
        while let [first, tail @ ..] = rest {
            assert!(matches!(first, b'a'..=b'z' | b'0'..=b'9' | b'_'), "a field's name is lower case");
            rest = tail;
        }
        Self { name, format }
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// What it may hold.
    pub const fn format(self) -> Format {
        self.format
    }
}

/// Fields in clear, each as its specification has it. Prints no value.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Fields(BTreeMap<&'static str, Value>);

/// What is wrong with one field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldError {
    /// Which, as a JSON Pointer below the fields.
    pub pointer: String,
    /// What; never the value.
    pub detail: String,
}

impl FieldError {
    pub(crate) fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }

    fn unknown(pointer: String) -> Self {
        Self::new(pointer, "no such field here")
    }
}

impl Fields {
    /// Reads fields, and names everything that is wrong with them.
    pub fn parse<'a>(
        specs: &[FieldSpec],
        given: impl IntoIterator<Item = (&'a str, &'a Value)>,
    ) -> Result<Self, Vec<FieldError>> {
        let (mut fields, mut errors) = (BTreeMap::new(), Vec::new());
        for (name, value) in given {
            let pointer = pointer(name);
            match specs.iter().find(|spec| spec.name == name) {
                None => errors.push(FieldError::unknown(pointer)),
                Some(spec) => match field(*spec, value, &pointer) {
                    Ok(value) => drop(fields.insert(spec.name, value)),
                    Err(wrong) => errors.extend(wrong),
                },
            }
        }
        if errors.is_empty() { Ok(Self(fields)) } else { Err(errors) }
    }

    /// Reads changes to fields: what to set, and the names of what to remove, which is given as `null`.
    pub fn parse_changes<'a>(
        specs: &[FieldSpec],
        given: impl IntoIterator<Item = (&'a str, &'a Value)>,
    ) -> Result<(Self, Vec<String>), Vec<FieldError>> {
        let (removed, set): (Vec<_>, Vec<_>) = given.into_iter().partition(|(_, value)| value.is_null());
        let (fields, mut errors) = match Self::parse(specs, set) {
            Ok(fields) => (fields, Vec::new()),
            Err(errors) => (Self::default(), errors),
        };
        let known = |name: &str| specs.iter().any(|spec| spec.name == name);
        let unknown = removed.iter().filter(|(name, _)| !known(name));
        errors.extend(unknown.map(|(name, _)| FieldError::unknown(pointer(name))));
        let removed = removed.into_iter().map(|(name, _)| name.to_owned()).collect();
        if errors.is_empty() { Ok((fields, removed)) } else { Err(errors) }
    }

    /// A field's text, if it is there and is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields by name, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// Seals each for its own column of `place`'s row.
    pub fn seal(&self, key: &dyn Sealer, place: Place<'_>) -> Result<SealedFields, SealError> {
        let seal = |(name, value): (&'static str, &Value)| {
            let sealed = key.seal(Place { column: name, ..place }, value.to_string().as_bytes())?;
            Ok((name.to_owned(), sealed))
        };
        self.iter().map(seal).collect::<Result<_, _>>().map(SealedFields)
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Fields as they are stored: each sealed, with the commitment that ties the audit log to it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SealedFields(pub Vec<(String, SealedBytes)>);

impl SealedFields {
    /// The sealed value of a field.
    pub fn find(&self, name: &str) -> Option<&SealedBytes> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, sealed)| sealed)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(crate) fn commitment(&self, name: &str) -> Option<Commitment> {
        self.find(name).map(|sealed| sealed.commitment)
    }

    pub(crate) fn set(&mut self, name: &str, sealed: SealedBytes) {
        self.remove(name);
        self.0.push((name.to_owned(), sealed));
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }
}

/// A JSON Pointer to a member ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)).
pub(crate) fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn field(spec: FieldSpec, value: &Value, pointer: &str) -> Result<Value, Vec<FieldError>> {
    match (spec.format, value) {
        (Format::Address, Value::Object(parts)) => address(parts, pointer),
        (Format::Address, _) => Err(vec![FieldError::new(pointer, "must be an object")]),
        (format, Value::String(text)) => {
            format.parse(text).map(Value::String).map_err(|detail| vec![FieldError::new(pointer, detail)])
        }
        _ => Err(vec![FieldError::new(pointer, "must be a string")]),
    }
}

fn address(parts: &Map<String, Value>, pointer: &str) -> Result<Value, Vec<FieldError>> {
    let (mut lines, mut errors) = (Map::new(), Vec::new());
    for (name, value) in parts {
        let at = format!("{pointer}{}", self::pointer(name));
        match value {
            _ if !ADDRESS.contains(&name.as_str()) => errors.push(FieldError::unknown(at)),
            Value::String(text) => match Format::Line(200).parse(text) {
                Ok(line) => drop(lines.insert(name.clone(), line.into())),
                Err(detail) => errors.push(FieldError::new(at, detail)),
            },
            _ => errors.push(FieldError::new(at, "must be a string")),
        }
    }
    let whole: Vec<_> = lines.values().filter_map(Value::as_str).collect();
    if ward_kernel::holds_card_number(&whole.join(" ")) {
        errors.push(FieldError::new(pointer, "must not hold a card number"));
    }
    if lines.is_empty() && errors.is_empty() {
        errors.push(FieldError::new(pointer, "must not be empty"));
    }
    if errors.is_empty() { Ok(Value::Object(lines)) } else { Err(errors) }
}
