use chrono::{DateTime, Utc};
use poem_openapi::Enum;
use uuid::Uuid;
use ward::audit::Entry;
use ward::audit::tree::Hash;
use ward::crypto::TenantKeys;
use ward::kernel::TenantId;

use super::cef::Cef;
use super::csv::Csv;
use super::fhir::Fhir;
use super::ndjson::Ndjson;
use super::ocsf::Ocsf;
use crate::audit_event::EventView;

/// How to write the log.
#[derive(Clone, Copy, Debug, Enum, Eq, PartialEq)]
#[oai(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Comma-separated.
    Csv,
    /// As the API shows entries.
    Ndjson,
    /// Open Cybersecurity Schema Framework.
    Ocsf,
    /// FHIR's AuditEvents.
    Fhir,
    /// Common Event Format, in lines of syslog.
    Cef,
}

/// Whose log it is.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) tenant: TenantId,
    /// The deployment's name.
    pub(super) deployment: String,
}

/// An entry, to be written.
pub(super) struct Line {
    pub(super) at: DateTime<Utc>,
    /// The entry's exact text.
    pub(super) text: String,
    /// What it is in the log's tree.
    pub(super) leaf: Hash,
    pub(super) event: EventView,
    /// Those of its subjects who are known as patients.
    pub(super) patients: Vec<Uuid>,
}

/// A format, as it is written.
pub(super) trait Layout: Send + Sync {
    /// What comes before the entries.
    fn opening(&self) -> &'static str {
        ""
    }

    /// Whether it says who is a patient.
    fn names_patients(&self) -> bool {
        false
    }

    /// Writes an entry behind what was written.
    fn write(&self, line: Line, out: &mut String);
}

impl Format {
    pub(super) const ALL: [Self; 5] = [Self::Csv, Self::Ndjson, Self::Ocsf, Self::Fhir, Self::Cef];

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson | Self::Ocsf => super::ndjson::CONTENT_TYPE,
            Self::Fhir => "application/fhir+ndjson",
            Self::Cef => "text/plain; charset=utf-8",
        }
    }

    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Csv => "audit.csv",
            Self::Ndjson => "audit.ndjson",
            Self::Ocsf => "audit.ocsf.ndjson",
            Self::Fhir => "AuditEvent.ndjson",
            Self::Cef => "audit.cef.log",
        }
    }

    /// The word by which it is asked for.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Ocsf => "ocsf",
            Self::Fhir => "fhir",
            Self::Cef => "cef",
        }
    }

    pub(super) fn layout(self, raw: bool, log: &Log) -> Box<dyn Layout> {
        match self {
            Self::Csv => Box::new(Csv { raw }),
            Self::Ndjson => Box::new(Ndjson),
            Self::Ocsf => Box::new(Ocsf(log.clone())),
            Self::Fhir => Box::new(Fhir(log.clone())),
            Self::Cef => Box::new(Cef(log.clone())),
        }
    }
}

impl Line {
    pub(super) fn of(entry: Entry, log: &Log, keys: &TenantKeys) -> Self {
        let (at, text, leaf) = (entry.at, entry.text(), entry.hash);
        Self { at, text, leaf, event: EventView::of(entry, log.tenant, keys), patients: Vec::new() }
    }

    /// The subjects that it tells of.
    pub(super) fn subjects(&self) -> impl Iterator<Item = Uuid> {
        let rows = std::iter::once(&self.event.entity).chain(&self.event.covers);
        rows.filter(|row| row.kind == "subject").map(|row| row.id)
    }
}
