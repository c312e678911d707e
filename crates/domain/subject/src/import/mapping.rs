use super::Syntax;
use super::cells::cells;
use super::row::{ImportRow, Raw, RowError, named};
use crate::fields::pointer;
use crate::{Catalogue, FieldError, FieldSpec, Kind};

/// What a column becomes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Target {
    /// The customer's own name for the subject; every row needs one.
    ExternalRef,
    /// Where their day begins.
    TimeZone,
    /// Whose law protects them.
    Jurisdiction,
    /// A field of the subject.
    Field(&'static str),
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
    ("street", Target::Field("postal_address.street")),
    ("city", Target::Field("postal_address.city")),
    ("state", Target::Field("postal_address.state")),
    ("postal_code", Target::Field("postal_address.postal_code")),
    ("postcode", Target::Field("postal_address.postal_code")),
    ("country", Target::Field("postal_address.country")),
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

impl Target {
    /// Reads a target as it is written in settings: `external_ref`, `time_zone`, `jurisdiction`, a subject's field
    /// (`email`, `postal_address.city`) or a record's field (`credentials.npi`).
    pub fn parse(text: &str, catalogue: &Catalogue) -> Option<Self> {
        let named =
            |specs: &[FieldSpec], name| specs.iter().map(|spec| spec.name).find(|known| *known == name);
        match text {
            "external_ref" => return Some(Self::ExternalRef),
            "time_zone" => return Some(Self::TimeZone),
            "jurisdiction" => return Some(Self::Jurisdiction),
            _ => {}
        }
        if let Some(field) = named(catalogue.subject(), text) {
            return Some(Self::Field(field));
        }
        let (category, field) = text.split_once('.')?;
        let category = catalogue.category(category)?;
        named(&category.fields, field).map(|field| Self::Record(category.name, field))
    }
}

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

    /// A mapping of one's own: columns and what each becomes, as [`Target::parse`] reads it.
    pub fn parse<'a>(
        kind: Kind,
        columns: impl IntoIterator<Item = (&'a str, &'a str)>,
        catalogue: &Catalogue,
    ) -> Result<Self, UnknownColumns> {
        let (mut known, mut errors) = (Vec::new(), Vec::new());
        for (name, target) in columns {
            match Target::parse(target, catalogue) {
                Some(target) => known.push((name.to_owned(), target)),
                None => errors.push(FieldError::new(pointer(name), "becomes nothing that there is")),
            }
        }
        if !known.iter().any(|(_, target)| *target == Target::ExternalRef) {
            errors.push(FieldError::new("", "a column must become `external_ref`"));
        }
        if errors.is_empty() { Ok(Self { kind, columns: known }) } else { Err(UnknownColumns(errors)) }
    }

    /// Reads a header: the columns in their order.
    pub fn header(&self, record: &[u8]) -> Result<Vec<String>, UnknownColumns> {
        let broken = |detail: &str| UnknownColumns(vec![FieldError::new("", detail)]);
        let names: Vec<_> =
            cells(record).map_err(broken)?.iter().map(|name| name.trim().to_owned()).collect();
        // Among one more than there are columns, one is wrong; what follows would tell nothing new.
        let most = self.columns.len() + 1;
        let targets: Vec<_> = names.iter().take(most).map(|name| self.target(name)).collect();
        let mut errors = Vec::new();
        for (n, target) in targets.iter().enumerate() {
            if target.is_none() {
                errors.push(FieldError::new(format!("/columns/{n}"), "no such column here"));
            } else if targets.iter().filter(|other| *other == target).count() > 1 {
                errors.push(FieldError::new(format!("/columns/{n}"), "another column means the same"));
            }
        }
        if !names.iter().any(|name| self.target(name) == Some(Target::ExternalRef)) {
            errors.push(FieldError::new("/columns", "a column `external_ref` is needed"));
        }
        if errors.is_empty() { Ok(names) } else { Err(UnknownColumns(errors)) }
    }

    /// Reads a row, and names everything that is wrong with it. A blank cell, or `null`, clears what is stored; a column
    /// that isn't there leaves it.
    pub fn row(
        &self,
        catalogue: &Catalogue,
        syntax: Syntax,
        header: &[String],
        (line, bytes): (u64, &[u8]),
    ) -> Result<ImportRow, Vec<RowError>> {
        let given = named(syntax, header, (bytes, self.columns.len()));
        let given = given.map_err(|detail| vec![FieldError::new("", detail)])?;
        let mut raw = Raw::default();
        for (name, value) in given {
            match self.target(&name) {
                Some(target) => raw.put(catalogue, &name, target, value),
                None => raw.fault(&name, "no such column here"),
            }
        }
        raw.finish(self.kind, line)
    }

    fn target(&self, name: &str) -> Option<Target> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, target)| *target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standard_column_becomes_something_that_there_is() {
        let catalogue = Catalogue::standard();
        for kind in [Kind::Clinician, Kind::Patient, Kind::Employee, Kind::Consumer] {
            for (column, target) in Mapping::standard(kind).columns {
                let written = match target {
                    Target::ExternalRef | Target::TimeZone | Target::Jurisdiction => column.clone(),
                    Target::Field(field) => field.to_owned(),
                    Target::Record(category, field) => format!("{category}.{field}"),
                };
                assert_eq!(Target::parse(&written, &catalogue), Some(target), "{column}");
            }
        }
    }

    #[test]
    fn no_header_costs_more_than_its_columns() {
        let mapping = Mapping::standard(Kind::Consumer);
        for (names, missing) in [("city,".repeat(10_000) + "external_ref", 0), (",".repeat(60_000), 1)] {
            let UnknownColumns(errors) = mapping.header(names.as_bytes()).unwrap_err();
            assert_eq!(errors.len(), mapping.columns.len() + 1 + missing);
        }
    }

    #[test]
    fn no_row_costs_more_than_its_columns() {
        let (catalogue, mapping) = (Catalogue::standard(), Mapping::standard(Kind::Consumer));
        let refused =
            |row: &str| mapping.row(&catalogue, Syntax::Ndjson, &[], (1, row.as_bytes())).unwrap_err();
        let members = |count: usize| (0..count).map(|n| format!("\"m{n}\":1")).collect::<Vec<_>>().join(",");
        let columns = mapping.columns.len();
        assert_eq!(refused(&format!("{{{}}}", members(columns))).len(), columns + 1);
        for row in [members(columns + 1), members(8_000), format!("\"{}\":1", "x".repeat(60_000))] {
            let errors = refused(&format!("{{{row}}}"));
            assert_eq!(errors.iter().map(|error| &*error.pointer).collect::<Vec<_>>(), [""]);
        }
    }

    #[test]
    fn a_mapping_of_ones_own_is_data() {
        let catalogue = Catalogue::standard();
        let columns = [("MRN", "external_ref"), ("Town", "postal_address.city"), ("CPF", "identifiers.cpf")];
        let mapping = Mapping::parse(Kind::Patient, columns, &catalogue).unwrap();
        let header = mapping.header(b"CPF,MRN,Town").unwrap();
        let row = mapping.row(&catalogue, Syntax::Csv, &header, (2, b"390.533.447-05,7,Recife")).unwrap();
        assert_eq!(row.subject.external_ref.unwrap().as_str(), "7");
        assert_eq!(row.records[0].1.text("cpf"), Some("390.533.447-05"));

        let wrong =
            [("a", "postal_address"), ("b", "postal_address.moon"), ("c/d", "identifiers"), ("e", "x.y")];
        let UnknownColumns(errors) = Mapping::parse(Kind::Patient, wrong, &catalogue).unwrap_err();
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/a", "/b", "/c~1d", "/e", ""]);
    }

    #[test]
    fn a_header_must_fit() {
        let mapping = Mapping::standard(Kind::Employee);
        assert!(mapping.header(b" external_ref ,email").is_ok());
        for (wrong, pointers) in [
            ("external_ref,npi", vec!["/columns/1"]),
            ("email,email,external_ref", vec!["/columns/0", "/columns/1"]),
            ("external_ref,postcode,postal_code", vec!["/columns/1", "/columns/2"]),
            ("email", vec!["/columns"]),
            ("external_ref,\"email\"x", vec![""]),
        ] {
            let UnknownColumns(errors) = mapping.header(wrong.as_bytes()).unwrap_err();
            assert_eq!(
                errors.iter().map(|error| error.pointer.as_str()).collect::<Vec<_>>(),
                pointers,
                "{wrong}"
            );
        }
    }
}
