use serde_json::{Value, json};

use super::super::verb::Verb;

const REST: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const PARTICIPANT: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// A code, of a system.
pub(super) struct Code<S, C = &'static str>(pub(super) S, pub(super) C);

/// What an AuditEvent says of an action alone, as IHE's Basic Audit Log Patterns have it
/// ([1.1](https://profiles.ihe.net/ITI/BALP/content.html)).
pub(super) struct Pattern {
    pub(super) kind: Code<&'static str>,
    pub(super) subtype: Option<Code<&'static str>>,
    /// Create, read, update, delete or execute, by its letter.
    pub(super) action: &'static str,
    pub(super) client: Code<&'static str>,
    pub(super) server: Code<&'static str>,
    pub(super) user: Code<&'static str>,
    /// The verb in the names of its profiles, if it has any.
    pub(super) profile: Option<&'static str>,
    /// Whether it tells of a refusal, however well that was logged.
    pub(super) is_failure: bool,
}

/// Data flows from the first to the second.
const SOURCE: Code<&str> = Code(DCM, "110153");
const DESTINATION: Code<&str> = Code(DCM, "110152");
const APPLICATION: Code<&str> = Code(DCM, "110150");
const CUSTODIAN: Code<&str> =
    Code("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian");
const AUTHORISER: Code<&str> =
    Code("http://terminology.hl7.org/CodeSystem/extra-security-role-type", "authserver");
const AUTHOR: Code<&str> = Code(PARTICIPANT, "AUT");
const RECIPIENT: Code<&str> = Code(PARTICIPANT, "IRCP");
const BY_ROLE: Code<&str> = Code("https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType", "AuthZ-Role");

impl Pattern {
    pub(super) fn of(action: &str) -> Self {
        match action {
            "access.denied" => Self::refusal("110113", BY_ROLE),
            "access.refused" => Self::refusal("110114", Code(DCM, "110122")),
            "audit.export_started" | "audit.export_completed" => Self::of_dicom("110106", Self::READ),
            "audit.searched" | "audit.entry_disclosed" => Self::of_dicom("110101", Self::READ),
            "import.started" | "import.ended" => Self::of_dicom("110107", Self::CREATE),
            action => match Verb::of(action) {
                Verb::Create => Self::CREATE,
                Verb::Read => Self::READ,
                Verb::Update => Self {
                    subtype: interaction("update"),
                    action: "U",
                    profile: Some("Update"),
                    ..Self::CREATE
                },
                Verb::Delete => Self::DELETE,
                // Without the query that BALP asks for, which may hold personal values and isn't in the log.
                Verb::Search => Self::SEARCH,
                Verb::Other => Self { subtype: interaction("operation"), user: AUTHOR, ..Self::SEARCH },
            },
        }
    }

    const CREATE: Self = Self {
        kind: Code(REST, "rest"),
        subtype: interaction("create"),
        action: "C",
        client: SOURCE,
        server: DESTINATION,
        user: AUTHOR,
        profile: Some("Create"),
        is_failure: false,
    };

    const READ: Self = Self {
        subtype: interaction("read"),
        action: "R",
        client: DESTINATION,
        server: SOURCE,
        user: RECIPIENT,
        profile: Some("Read"),
        ..Self::CREATE
    };

    const DELETE: Self = Self {
        subtype: interaction("delete"),
        action: "D",
        client: APPLICATION,
        server: CUSTODIAN,
        profile: Some("Delete"),
        ..Self::CREATE
    };

    const SEARCH: Self = Self {
        subtype: interaction("search-type"),
        action: "E",
        user: RECIPIENT,
        profile: None,
        ..Self::CREATE
    };

    /// What DICOM has a code for.
    fn of_dicom(kind: &'static str, like: Self) -> Self {
        Self { kind: Code(DCM, kind), subtype: None, profile: None, ..like }
    }

    fn refusal(kind: &'static str, subtype: Code<&'static str>) -> Self {
        Self {
            subtype: Some(subtype),
            action: "E",
            client: APPLICATION,
            server: AUTHORISER,
            user: RECIPIENT,
            is_failure: true,
            ..Self::of_dicom(kind, Self::CREATE)
        }
    }
}

const fn interaction(code: &'static str) -> Option<Code<&'static str>> {
    Some(Code(INTERACTION, code))
}

pub(super) fn coding<S: AsRef<str>, C: AsRef<str>>(code: &Code<S, C>) -> Value {
    json!({ "system": code.0.as_ref(), "code": code.1.as_ref() })
}
