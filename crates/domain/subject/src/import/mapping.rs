use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Syntax;
use super::rows::cells;
use crate::{Catalogue, ExternalRef, FieldError, Fields, Jurisdiction, Kind, TimeZone};

/// What a column becomes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// The customer's own name for the subject; every row needs one.
    ExternalRef,
    /// Where their day begins.
    TimeZone,
    /// Whose law protects them.
    Jurisdiction,
    /// A field of the subject.
    Field(&'static str),
    /// A part of the subject's postal address.
    Address(&'static str),
    /// A field of the subject's record of a category.
    Record(&'static str, &'static str),
}

/// How the columns of a file become a subject and its records.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// What the subjects are.
    pub kind: Kind,
    /// Which column becomes what.
    pub columns: Vec<(String, Target)>,
}

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
}

/// The header names columns that the mapping doesn't know, or lacks the one it needs.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the header doesn't fit")]
pub struct UnknownColumns(pub Vec<FieldError>);

const SHARED: [(&str, Target); 15] = [
    ("external_ref", Target::ExternalRef),
    ("time_zone", Target::TimeZone),
    ("jurisdiction", Target::Jurisdiction),
    ("given_name", Target::Field("given_name")),
    ("family_name", Target::Field("family_name")),
    ("preferred_name", Target::Field("preferred_name")),
    ("email", Target::Field("email")),
    ("phone", Target::Field("phone")),
    ("date_of_birth", Target::Field("date_of_birth")),
    ("street", Target::Address("street")),
    ("city", Target::Address("city")),
    ("state", Target::Address("state")),
    ("postal_code", Target::Address("postal_code")),
    ("postcode", Target::Address("postal_code")),
    ("country", Target::Address("country")),
];

const CLINICIAN: [(&str, Target); 6] = [
    ("profession", Target::Record("credentials", "profession")),
    ("npi", Target::Record("credentials", "npi")),
    ("dea", Target::Record("credentials", "dea")),
    ("license_state", Target::Record("credentials", "license_state")),
    ("license_number", Target::Record("credentials", "license_number")),
    ("license_expires", Target::Record("credentials", "license_expires")),
];

const EMPLOYEE: [(&str, Target); 7] = [
    ("role", Target::Record("employment", "role")),
    ("started_on", Target::Record("employment", "started_on")),
    ("left_on", Target::Record("employment", "left_on")),
    ("salary_gbp", Target::Record("payroll", "salary_gbp")),
    ("national_insurance", Target::Record("payroll", "national_insurance")),
    ("sort_code", Target::Record("payroll", "sort_code")),
    ("account_number", Target::Record("payroll", "account_number")),
];

const PATIENT: [(&str, Target); 3] = [
    ("cpf", Target::Record("identifiers", "cpf")),
    ("nhs_number", Target::Record("identifiers", "nhs_number")),
    ("medical_record_number", Target::Record("identifiers", "medical_record_number")),
];

impl Mapping {
    /// The mapping that Ward brings for a kind of subject.
    pub fn standard(kind: Kind) -> Self {
        let own: &[_] = match kind {
            Kind::Clinician => &CLINICIAN,
            Kind::Employee => &EMPLOYEE,
            Kind::Patient => &PATIENT,
            Kind::Consumer => &[],
        };
        let columns = SHARED.iter().chain(own).map(|(name, target)| ((*name).to_owned(), *target));
        Self { kind, columns: columns.collect() }
    }

    /// Reads a header: the columns in their order.
    pub fn header(&self, record: &[u8]) -> Result<Vec<String>, UnknownColumns> {
        let broken = |detail: &str| UnknownColumns(vec![FieldError::new("", detail)]);
        let names: Vec<_> =
            cells(record).map_err(broken)?.iter().map(|name| name.trim().to_owned()).collect();
        let mut errors = Vec::new();
        for (n, name) in names.iter().enumerate() {
            if self.target(name).is_none() {
                errors.push(FieldError::new(format!("/columns/{n}"), "no such column here"));
            } else if names.iter().filter(|other| *other == name).count() > 1 {
                errors.push(FieldError::new(format!("/columns/{n}"), "named twice"));
            }
        }
        if !names.iter().any(|name| self.target(name) == Some(Target::ExternalRef)) {
            errors.push(FieldError::new("/columns", "a column `external_ref` is needed"));
        }
        if errors.is_empty() { Ok(names) } else { Err(UnknownColumns(errors)) }
    }

    /// Reads a row, and names everything that is wrong with it.
    pub fn row(
        &self,
        catalogue: &Catalogue,
        syntax: Syntax,
        header: &[String],
        (line, bytes): (u64, &[u8]),
    ) -> Result<ImportRow, Vec<RowError>> {
        let whole = |detail: &str| vec![FieldError::new("", detail)];
        let named: Vec<(String, Value)> = match syntax {
            Syntax::Csv => {
                let cells = cells(bytes).map_err(whole)?;
                if cells.len() != header.len() {
                    return Err(whole("has another number of fields than the header"));
                }
                header.iter().cloned().zip(cells.into_iter().map(Value::String)).collect()
            }
            Syntax::Ndjson => serde_json::from_slice::<Map<_, _>>(bytes)
                .map_err(|_| whole("is not a JSON object"))?
                .into_iter()
                .collect(),
        };
        self.read(catalogue, line, named)
    }

    fn target(&self, name: &str) -> Option<Target> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, target)| *target)
    }

    fn read(
        &self,
        catalogue: &Catalogue,
        line: u64,
        named: Vec<(String, Value)>,
    ) -> Result<ImportRow, Vec<RowError>> {
        let mut raw = Raw::default();
        for (name, value) in named {
            let blank = matches!(&value, Value::String(text) if text.trim().is_empty()) || value.is_null();
            match self.target(&name) {
                _ if blank => {}
                Some(target) => raw.put(&name, target, value),
                None => raw.errors.push(FieldError::new(format!("/{name}"), "no such column here")),
            }
        }
        raw.finish(self, catalogue, line)
    }

    /// The column that a field came from, for whoever mends the file.
    fn column(&self, wanted: impl Fn(Target) -> bool) -> Option<String> {
        self.columns.iter().find(|(_, target)| wanted(*target)).map(|(name, _)| format!("/{name}"))
    }
}

#[derive(Default)]
struct Raw {
    external_ref: Option<ExternalRef>,
    time_zone: Option<TimeZone>,
    jurisdiction: Option<Jurisdiction>,
    fields: BTreeMap<&'static str, Value>,
    address: Map<String, Value>,
    records: BTreeMap<&'static str, BTreeMap<&'static str, Value>>,
    errors: Vec<RowError>,
}

impl Raw {
    fn put(&mut self, name: &str, target: Target, value: Value) {
        let mut wrong = |detail: String| self.errors.push(FieldError::new(format!("/{name}"), detail));
        let text = value.as_str().unwrap_or_default();
        match target {
            _ if !value.is_string() => wrong("must be a string".into()),
            Target::ExternalRef => match ExternalRef::parse(text) {
                Ok(name) => self.external_ref = Some(name),
                Err(error) => wrong(error.to_string()),
            },
            Target::TimeZone => match TimeZone::parse(text) {
                Some(zone) => self.time_zone = Some(zone),
                None => wrong("must be an IANA time zone".into()),
            },
            Target::Jurisdiction => match Jurisdiction::parse(text) {
                Some(law) => self.jurisdiction = Some(law),
                None => wrong("must be an ISO 3166 code".into()),
            },
            Target::Field(field) => drop(self.fields.insert(field, value)),
            Target::Address(part) => drop(self.address.insert(part.into(), value)),
            Target::Record(category, field) => {
                self.records.entry(category).or_default().insert(field, value);
            }
        }
    }

    fn finish(
        mut self,
        mapping: &Mapping,
        catalogue: &Catalogue,
        line: u64,
    ) -> Result<ImportRow, Vec<RowError>> {
        if !self.address.is_empty() {
            self.fields.insert("postal_address", json!(self.address));
        }
        let given = self.fields.iter().map(|(name, value)| (*name, value));
        let fields = Fields::parse(catalogue.subject(), given).unwrap_or_else(|wrong| {
            self.errors.extend(wrong.into_iter().map(|error| subject_column(mapping, error)));
            Fields::default()
        });
        let mut records = Vec::new();
        for (category, given) in &self.records {
            let specs = catalogue.category(category).map_or(&[][..], |category| &category.fields);
            match Fields::parse(specs, given.iter().map(|(name, value)| (*name, value))) {
                Ok(fields) => records.push(((*category).to_owned(), fields)),
                Err(wrong) => {
                    self.errors.extend(wrong.into_iter().map(|error| record_column(mapping, category, error)))
                }
            }
        }
        if self.external_ref.is_none() && !self.errors.iter().any(|error| error.pointer == "/external_ref") {
            self.errors.push(FieldError::new("/external_ref", "is needed"));
        }
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        let Self { external_ref, time_zone, jurisdiction, .. } = self;
        let kind = mapping.kind;
        let subject = crate::subject::Draft { kind, external_ref, time_zone, jurisdiction, fields };
        Ok(ImportRow { line, subject, records })
    }
}

fn subject_column(mapping: &Mapping, error: FieldError) -> FieldError {
    let path: Vec<_> = error.pointer.split('/').skip(1).collect();
    let column = match path.as_slice() {
        ["postal_address", part] => {
            mapping.column(|target| matches!(target, Target::Address(p) if p == *part))
        }
        [name] => mapping.column(|target| matches!(target, Target::Field(field) if field == *name)),
        _ => None,
    };
    FieldError { pointer: column.unwrap_or(error.pointer), ..error }
}

fn record_column(mapping: &Mapping, category: &str, error: FieldError) -> FieldError {
    let name = error.pointer.trim_start_matches('/').to_owned();
    let column =
        mapping.column(|target| matches!(target, Target::Record(c, field) if c == category && field == name));
    FieldError { pointer: column.unwrap_or(error.pointer), ..error }
}
