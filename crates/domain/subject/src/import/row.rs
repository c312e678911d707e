use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use super::rows::cells;
use super::{Mapping, Syntax, Target};
use crate::fields::pointer;
use crate::{Catalogue, ExternalRef, FieldError, Fields, Jurisdiction, TimeZone};

/// What is wrong with a cell.
pub type RowError = FieldError;

/// One row in clear, as its mapping reads it.
#[derive(Clone, Debug)]
pub struct ImportRow {
    /// Where it stands.
    pub line: u64,
    /// The subject.
    pub subject: crate::subject::Draft,
    /// Its records, one a category.
    pub records: Vec<(String, Fields)>,
    /// What it says is not so, or not known: what is stored of it goes.
    pub cleared: BTreeSet<Target>,
}

/// The columns of a row and what they hold, or what is wrong with the row as a whole.
pub(super) fn named(
    syntax: Syntax,
    header: &[String],
    (bytes, most): (&[u8], usize),
) -> Result<Vec<(String, Value)>, &'static str> {
    match syntax {
        Syntax::Csv => {
            let cells = cells(bytes)?;
            if cells.len() != header.len() {
                return Err("has another number of fields than the header");
            }
            Ok(header.iter().cloned().zip(cells.into_iter().map(Value::String)).collect())
        }
        Syntax::Ndjson => {
            let mut json = serde_json::Deserializer::from_slice(bytes);
            let members =
                Members { most }.deserialize(&mut json).and_then(|members| json.end().map(|()| members));
            members.map_err(|_| "is not a JSON object that names columns, each once")
        }
    }
}

/// The members of a JSON object, none of them named twice; no more of them than there are columns, so that no row costs
/// more than a row should.
struct Members {
    most: usize,
}

/// The longest name of a member; no column's is longer.
const LONGEST_NAME: usize = 200;

impl<'de> DeserializeSeed<'de> for Members {
    type Value = Vec<(String, Value)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut given: A) -> Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::new();
        while let Some((name, value)) = given.next_entry::<String, Value>()? {
            let known = members.iter().any(|(known, _)| *known == name);
            if known || members.len() == self.most || name.len() > LONGEST_NAME {
                return Err(A::Error::custom("not the columns, each once"));
            }
            members.push((name, value));
        }
        Ok(members)
    }
}

/// A row while its cells are read.
#[derive(Default)]
pub(super) struct Raw {
    external_ref: Option<ExternalRef>,
    time_zone: Option<TimeZone>,
    jurisdiction: Option<Jurisdiction>,
    fields: BTreeMap<&'static str, Value>,
    address: Map<String, Value>,
    records: BTreeMap<&'static str, BTreeMap<&'static str, Value>>,
    cleared: BTreeSet<Target>,
    /// The column that each target came from, for whoever mends the file.
    columns: Vec<(Target, String)>,
    errors: Vec<RowError>,
}

impl Raw {
    /// Says what is wrong with a column.
    pub(super) fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(pointer(name), detail));
    }

    /// Reads a cell.
    pub(super) fn put(&mut self, name: &str, target: Target, value: Value) {
        if self.columns.iter().any(|(known, _)| *known == target) {
            return self.fault(name, "another column means the same");
        }
        self.columns.push((target, pointer(name)));
        let text = match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            Value::Number(number) if number.is_u64() => number.to_string(),
            _ => return self.fault(name, "must be a string"),
        };
        if text.trim().is_empty() {
            self.clear(target);
        } else if let Err(detail) = self.set(target, &text) {
            self.fault(name, detail);
        }
    }

    fn clear(&mut self, target: Target) {
        match target {
            Target::ExternalRef => {}
            Target::Address(_) => drop(self.cleared.insert(Target::Field("postal_address"))),
            target => drop(self.cleared.insert(target)),
        }
    }

    fn set(&mut self, target: Target, text: &str) -> Result<(), String> {
        match target {
            Target::ExternalRef => {
                self.external_ref = Some(ExternalRef::parse(text).map_err(|error| error.to_string())?);
            }
            Target::TimeZone => {
                self.time_zone = Some(TimeZone::parse(text.trim()).ok_or("must be an IANA time zone")?);
            }
            Target::Jurisdiction => {
                self.jurisdiction = Some(Jurisdiction::parse(text.trim()).ok_or("must be an ISO 3166 code")?);
            }
            Target::Field(field) => drop(self.fields.insert(field, text.into())),
            Target::Address(part) => drop(self.address.insert(part.into(), text.into())),
            Target::Record(category, field) => {
                self.records.entry(category).or_default().insert(field, text.into());
            }
        }
        Ok(())
    }

    /// The row, or everything that is wrong with it.
    pub(super) fn finish(
        mut self,
        mapping: &Mapping,
        catalogue: &Catalogue,
        line: u64,
    ) -> Result<ImportRow, Vec<RowError>> {
        if !self.address.is_empty() {
            self.cleared.remove(&Target::Field("postal_address"));
            self.fields.insert("postal_address", json!(self.address));
        }
        let given = self.fields.iter().map(|(name, value)| (*name, value));
        let fields = Fields::parse(catalogue.subject(), given).unwrap_or_else(|wrong| {
            self.errors.extend(wrong.into_iter().map(|error| self.of_subject(error)).collect::<Vec<_>>());
            Fields::default()
        });
        let mut records = Vec::new();
        for (category, given) in &self.records {
            let specs = catalogue.category(category).map_or(&[][..], |category| &category.fields);
            match Fields::parse(specs, given.iter().map(|(name, value)| (*name, value))) {
                Ok(fields) => records.push(((*category).to_owned(), fields)),
                Err(wrong) => {
                    let wrong: Vec<_> =
                        wrong.into_iter().map(|error| self.of_record(category, error)).collect();
                    self.errors.extend(wrong);
                }
            }
        }
        let named = self.column(|target| target == Target::ExternalRef);
        let named = named.unwrap_or_else(|| pointer("external_ref"));
        if self.external_ref.is_none() && !self.errors.iter().any(|error| error.pointer == named) {
            self.errors.push(FieldError::new(named, "is needed"));
        }
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        let Self { external_ref, time_zone, jurisdiction, cleared, .. } = self;
        let kind = mapping.kind;
        let subject = crate::subject::Draft { kind, external_ref, time_zone, jurisdiction, fields };
        Ok(ImportRow { line, subject, records, cleared })
    }

    /// Names the column instead of the field.
    fn of_subject(&self, error: FieldError) -> FieldError {
        let path: Vec<_> = error.pointer.split('/').skip(1).collect();
        let column = match path.as_slice() {
            ["postal_address", part] => {
                self.column(|target| matches!(target, Target::Address(p) if p == *part))
            }
            [name] => self.column(|target| matches!(target, Target::Field(field) if field == *name)),
            _ => None,
        };
        FieldError { pointer: column.unwrap_or(error.pointer), ..error }
    }

    fn of_record(&self, category: &str, error: FieldError) -> FieldError {
        let name = error.pointer.trim_start_matches('/');
        let column = self
            .column(|target| matches!(target, Target::Record(c, field) if c == category && field == name));
        FieldError { pointer: column.unwrap_or(error.pointer), ..error }
    }

    fn column(&self, wanted: impl Fn(Target) -> bool) -> Option<String> {
        self.columns.iter().find(|(target, _)| wanted(*target)).map(|(_, column)| column.clone())
    }
}
