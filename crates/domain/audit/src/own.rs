use std::collections::BTreeSet;

use ward_kernel::{Action, EventId, Operation, Requires, TenantId, Text, Uuid};

use crate::trail::Outcome;
use crate::{Event, Events};

/// A product's own event was recorded, under the action that it names.
pub const RECORDED: Action = Action::new("event.recorded");

/// Records a product's own events.
pub static RECORD_EVENTS: Operation = Operation {
    id: "recordAuditEvents",
    requires: Requires::Permission("audit.write"),
    events: &[RECORDED],
    writes: true,
    discloses: false,
    controls: &["A1", "A2"],
    rate: "write",
    idempotent: true,
};

/// What happened in a product that Ward knows nothing of, in its own words; nothing personal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnEvent {
    /// Names the entry: a UUIDv7 made now.
    pub id: EventId,
    /// What happened.
    pub action: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it ended so.
    pub reason: Option<Text>,
    /// To what.
    pub entity: OwnRow,
    /// To what else, or on whose behalf.
    pub covers: Vec<OwnRow>,
    /// Facts about it, each name once.
    pub details: Vec<(String, Text)>,
}

/// A row of the product's: its kind, and which.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnRow {
    /// Its kind, such as `invoice`.
    pub kind: String,
    /// Which.
    pub id: Uuid,
}

impl OwnEvent {
    /// How many are recorded at a time, at most.
    pub const MOST: usize = 1_000;
    /// How many bytes one may say: what an entry can hold, written in the longest way.
    const LONGEST: usize = 8_000;

    /// Whether an entry holds it.
    pub fn fits(&self) -> bool {
        let rows = self.covers.iter().chain([&self.entity]).map(|row| row.kind.len() + 64);
        let details = self.details.iter().map(|(name, value)| name.len() + value.as_str().len() + 8);
        let words = self.action.len() + self.reason.as_ref().map_or(0, |reason| reason.as_str().len());
        words + rows.chain(details).sum::<usize>() <= Self::LONGEST
    }

    /// Whether its action could be taken for one of Ward's own.
    pub fn is_taken(&self, table: &[&'static Operation]) -> bool {
        let first = self.action.split('.').next().map(|word| word.trim_matches('_'));
        first.is_some_and(|word| first_words(table).contains(word))
    }
}

/// What Ward's own actions begin with, those of `table` and those to come.
pub fn first_words(table: &[&'static Operation]) -> BTreeSet<&'static str> {
    let events = table.iter().flat_map(|operation| operation.events);
    let known = events.filter_map(|event| event.as_str().split('.').next());
    known.chain(TO_COME).collect()
}

/// By what operations are about that aren't there yet: what a product said before in such words could later be taken for Ward's.
const TO_COME: [&str; 47] = [
    "access_review",
    "agreement",
    "ai",
    "break_glass",
    "consent",
    "decision",
    "erasure",
    "evidence",
    "evidence_pack",
    "file",
    "hold",
    "inbound",
    "incident",
    "invitation",
    "job",
    "key",
    "member",
    "message",
    "mfa",
    "model",
    "operator",
    "password",
    "policy",
    "questionnaire",
    "recovery",
    "redaction",
    "retention",
    "review",
    "rights",
    "rights_request",
    "risk",
    "role",
    "scim",
    "send_decision",
    "sender_identity",
    "session",
    "sign_up",
    "sso",
    "sso_connection",
    "subprocessor",
    "suppression",
    "sweep",
    "template",
    "totp",
    "user",
    "vulnerability",
    "webhook",
];

/// The events of a log, that say what `events` say; nothing, if there are none.
pub fn recorded(tenant: TenantId, events: Vec<OwnEvent>) -> Option<Events> {
    Events::all(
        events
            .into_iter()
            .map(|own| Event { own: Some(Box::new(own)), ..Event::of(&RECORD_EVENTS, RECORDED, tenant) }),
    )
}

#[cfg(test)]
mod tests {
    use ward_kernel::Uuid;

    use super::{OwnEvent, OwnRow, RECORD_EVENTS};
    use crate::Outcome;

    fn is_taken(action: &str) -> bool {
        let id = Uuid::nil();
        let entity = OwnRow { kind: "invoice".into(), id };
        let (action, outcome) = (action.to_owned(), Outcome::Success);
        let (covers, details) = (Vec::new(), Vec::new());
        OwnEvent { id: id.into(), action, outcome, reason: None, entity, covers, details }
            .is_taken(&[&RECORD_EVENTS])
    }

    #[test]
    fn a_product_speaks_neither_as_ward_does_nor_as_it_will() {
        for action in [
            "event.recorded",
            "file.deleted",
            "member.removed",
            "invitation.accepted",
            "rights.granted",
            "break_glass.opened",
            "sso.failed",
            "sso_connection.made",
            "consent.withdrawn",
            "message.sent",
            "hold.released",
            "review.closed",
            "access_review.closed",
            "password.reset",
            "totp.removed",
            "session.revoked",
            "evidence_pack.made",
            "send_decision.denied",
            "sender_identity.verified",
            "template.changed",
            "subprocessor.added",
            "rights_request.fulfilled",
            "_file_.deleted",
        ] {
            assert!(is_taken(action), "{action}");
        }
        for action in [
            "invoice.approved",
            "visit.planned",
            "profile.changed",
            "filed.file",
            "break.glass",
            "subjects.merged",
        ] {
            assert!(!is_taken(action), "{action}");
        }
    }
}
