use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use ward_kernel::{InvalidText, Place, SealError, SealedBytes, Sealer, holds_card_number};

use crate::format::Format;

/// A field's name and what it may hold.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    pub(crate) name: &'static str,
    pub(crate) format: Format,
}

impl FieldSpec {
    /// Accepts a name of 1 to 255 of `a-z`, `0-9` and `_`. A dot in it makes the field one of a group: in JSON,
    /// `postal_address.city` is `city` in the object `postal_address`.
    ///
    /// ```
    /// # use ward_subject::{FieldSpec, Format};
    /// const FIELD: FieldSpec = FieldSpec::new("shoe.size", Format::Amount);
    /// ```
    /// ```compile_fail
    /// # use ward_subject::{FieldSpec, Format};
    /// const FIELD: FieldSpec = FieldSpec::new("Shoe.size", Format::Amount);
    /// ```
    pub const fn new(name: &'static str, format: Format) -> Self {
        let (mut rest, mut dots) = (name.as_bytes(), 0);
        assert!(matches!(rest.len(), 1..=255), "a field's name has 1 to 255 characters");
        assert!(!matches!(rest, [b'.', ..] | [.., b'.']), "a dot stands between two names");
        while let [first, tail @ ..] = rest {
            assert!(matches!(first, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'), "a field's name is lower case");
            dots += (*first == b'.') as usize;
            rest = tail;
        }
        assert!(dots < 2, "a group has no groups");
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

    /// The group that it is one of.
    pub fn group(self) -> Option<&'static str> {
        self.name.split_once('.').map(|(group, _)| group)
    }
}

/// Fields in clear, each as its specification has it. Prints no value.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Fields(BTreeMap<&'static str, String>);

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
}

impl Fields {
    /// Reads fields, and names everything that is wrong with them.
    pub fn parse<'a>(
        specs: &[FieldSpec],
        given: impl IntoIterator<Item = (&'a str, &'a Value)>,
    ) -> Result<Self, Vec<FieldError>> {
        Reader::new(specs, false).read(given).map(|(fields, _)| fields)
    }

    /// Reads changes to fields: what to set, and the names of what to remove, which is given as `null`.
    pub fn parse_changes<'a>(
        specs: &[FieldSpec],
        given: impl IntoIterator<Item = (&'a str, &'a Value)>,
    ) -> Result<(Self, Vec<&'static str>), Vec<FieldError>> {
        Reader::new(specs, true).read(given)
    }

    /// Sets a field, or says what is wrong with its text.
    pub(crate) fn set(&mut self, spec: FieldSpec, text: &str) -> Result<(), String> {
        self.0.insert(spec.name, spec.format.parse(text)?);
        Ok(())
    }

    /// What is wrong with fields only together: the groups over whose fields a card number is spread.
    pub(crate) fn faults(&self) -> impl Iterator<Item = FieldError> {
        let mut groups = BTreeMap::<_, Vec<_>>::new();
        let grouped = self.iter().filter_map(|(name, text)| Some((name.split_once('.')?.0, text)));
        grouped.for_each(|(group, text)| groups.entry(group).or_default().push(text));
        let holding = groups.into_iter().filter(|(_, texts)| holds_card_number(&texts.join(" ")));
        holding.map(|(group, _)| FieldError::new(pointer(group), InvalidText::Card.to_string()))
    }

    /// A field's text, if it is there.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields by name, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, text)| (*name, text.as_str()))
    }

    /// Seals each for its own column of `place`'s row.
    pub fn seal(&self, key: &dyn Sealer, place: Place<'_>) -> Result<SealedFields, SealError> {
        let columns: Vec<_> = self.iter().map(|(name, text)| (name, text.as_bytes())).collect();
        let sealed = key.seal_row(place.tenant, place.row, &columns)?;
        Ok(SealedFields(self.0.keys().map(|name| (*name).into()).zip(sealed).collect()))
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Fields as they are stored: each sealed, with the commitment that ties the audit log to it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SealedFields(pub Vec<(Cow<'static, str>, SealedBytes)>);

impl SealedFields {
    /// The sealed value of a field.
    pub fn find(&self, name: &str) -> Option<&SealedBytes> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, sealed)| sealed)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    pub(crate) fn set(&mut self, name: Cow<'static, str>, sealed: SealedBytes) {
        self.remove(&name);
        self.0.push((name, sealed));
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

/// Fields while they are read from JSON, where a group is an object.
struct Reader<'a> {
    specs: &'a [FieldSpec],
    /// Whether `null` removes.
    changes: bool,
    fields: Fields,
    removed: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl<'a> Reader<'a> {
    fn new(specs: &'a [FieldSpec], changes: bool) -> Self {
        Self { specs, changes, fields: Fields::default(), removed: Vec::new(), errors: Vec::new() }
    }

    fn read<'v>(
        mut self,
        given: impl IntoIterator<Item = (&'v str, &'v Value)>,
    ) -> Result<(Fields, Vec<&'static str>), Vec<FieldError>> {
        for (name, value) in given {
            match name.contains('.') {
                true => self.fault(&pointer(name), "no such field here"),
                false => self.value(name, &pointer(name), value),
            }
        }
        self.errors.extend(self.fields.faults());
        if self.errors.is_empty() { Ok((self.fields, self.removed)) } else { Err(self.errors) }
    }

    fn value(&mut self, name: &str, at: &str, value: &Value) {
        let specs = self.specs;
        let group = || specs.iter().filter(|spec| spec.group() == Some(name));
        match (specs.iter().find(|spec| spec.name == name), value) {
            (Some(spec), Value::String(text)) => {
                self.fields.set(*spec, text).unwrap_or_else(|detail| self.fault(at, detail));
            }
            (Some(spec), Value::Null) if self.changes => self.removed.push(spec.name),
            (Some(_), _) => self.fault(at, "must be a string"),
            (None, _) if group().next().is_none() => self.fault(at, "no such field here"),
            (None, Value::Object(parts)) if parts.is_empty() => self.fault(at, "must not be empty"),
            (None, Value::Object(parts)) => parts.iter().for_each(|(part, value)| {
                self.value(&format!("{name}.{part}"), &format!("{at}{}", pointer(part)), value);
            }),
            (None, Value::Null) if self.changes => self.removed.extend(group().map(|spec| spec.name)),
            (None, _) => self.fault(at, "must be an object"),
        }
    }

    fn fault(&mut self, at: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(at, detail));
    }
}
