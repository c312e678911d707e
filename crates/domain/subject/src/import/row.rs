use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::cells::cells;
use super::{Syntax, Target};
use crate::fields::pointer;
use crate::{Catalogue, ExternalRef, FieldError, FieldSpec, Fields, Jurisdiction, Kind, TimeZone};

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
    fields: Fields,
    records: BTreeMap<&'static str, Fields>,
    cleared: BTreeSet<Target>,
    /// What a column spoke of already.
    spoken: BTreeSet<Target>,
    errors: Vec<RowError>,
}

impl Raw {
    /// Says what is wrong with a column.
    pub(super) fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(pointer(name), detail));
    }

    /// Reads a cell.
    pub(super) fn put(&mut self, catalogue: &Catalogue, name: &str, target: Target, value: Value) {
        if !self.spoken.insert(target) {
            return self.fault(name, "another column means the same");
        }
        let text = match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            Value::Number(number) if number.is_u64() => number.to_string(),
            _ => return self.fault(name, "must be a string"),
        };
        if !text.trim().is_empty() {
            self.set(catalogue, target, &text).unwrap_or_else(|detail| self.fault(name, detail));
        } else if target == Target::ExternalRef {
            self.fault(name, "is needed");
        } else {
            self.cleared.insert(target);
        }
    }

    fn set(&mut self, catalogue: &Catalogue, target: Target, text: &str) -> Result<(), String> {
        let named = |specs: &[FieldSpec], name| {
            specs.iter().copied().find(|spec| spec.name == name).ok_or("no such field here")
        };
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
            Target::Field(name) => self.fields.set(named(catalogue.subject(), name)?, text)?,
            Target::Record(category, name) => {
                let specs = catalogue.category(category).map(|category| category.fields.as_slice());
                let spec = named(specs.unwrap_or_default(), name)?;
                self.records.entry(category).or_default().set(spec, text)?;
            }
        }
        Ok(())
    }

    /// The row, or everything that is wrong with it.
    pub(super) fn finish(mut self, kind: Kind, line: u64) -> Result<ImportRow, Vec<RowError>> {
        if !self.spoken.contains(&Target::ExternalRef) {
            self.fault("external_ref", "is needed");
        }
        self.errors.extend(self.records.values().chain([&self.fields]).flat_map(Fields::faults));
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        let Self { external_ref, time_zone, jurisdiction, fields, records, cleared, .. } = self;
        let records = records.into_iter().map(|(category, fields)| (category.to_owned(), fields)).collect();
        let subject = crate::subject::Draft { kind, external_ref, time_zone, jurisdiction, fields };
        Ok(ImportRow { line, subject, records, cleared })
    }
}
