use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use ward_kernel::{Action, EventId, Operation, Place, Requires, StoreError, TenantId, Uuid};

use crate::trail::source_place;

/// The log was searched.
pub const SEARCHED: Action = Action::new("audit.searched");
/// An entry was read.
pub const ENTRY_READ: Action = Action::new("audit.entry_disclosed");
/// An export of the log began.
pub const EXPORT_STARTED: Action = Action::new("audit.export_started");
/// An export of the log was sent to its end.
pub const EXPORT_COMPLETED: Action = Action::new("audit.export_completed");

/// Searches the log.
pub static LIST_EVENTS: Operation = read("listAuditEvents", "audit.read", &[SEARCHED]);
/// Shows an entry.
pub static SHOW_EVENT: Operation = read("showAuditEvent", "audit.read", &[ENTRY_READ]);
/// Streams the log out.
pub static EXPORT: Operation = read("exportAudit", "audit.export", &[EXPORT_STARTED, EXPORT_COMPLETED]);

const fn read(id: &'static str, permission: &'static str, events: &'static [Action]) -> Operation {
    Operation {
        id,
        requires: Requires::Permission(permission),
        events,
        writes: false,
        discloses: true,
        controls: &["A1", "A2", "A6"],
        rate: "read",
        idempotent: false,
    }
}

/// Which entries to find.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
    /// By this user or key.
    pub actor: Option<Uuid>,
    /// Exactly this action.
    pub action: Option<String>,
    /// About this entity.
    pub entity: Option<Uuid>,
    /// `success` or `denied`.
    pub outcome: Option<String>,
    /// All of these words, whole, in what isn't sealed: see [`words`](Self::words_of).
    pub words: Vec<String>,
}

impl Search {
    /// The words of a text: letters, digits and hyphens, in lower case.
    pub fn words_of(text: &str) -> Vec<String> {
        let parts = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
        parts.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect()
    }
}

/// An entry as it is stored: nothing personal in clear.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Names it.
    pub id: EventId,
    /// The unit it committed with.
    pub unit: Uuid,
    /// When, by the database's clock.
    pub at: DateTime<Utc>,
    /// `user`, `api_key`, `system:<job>` or `anonymous`.
    pub actor_kind: String,
    /// Which user or key.
    pub actor: Option<Uuid>,
    /// The roles held at the time.
    pub roles: Vec<String>,
    /// The operation.
    pub operation: String,
    /// What happened.
    pub action: String,
    /// `success` or `denied`.
    pub outcome: String,
    /// Why it was refused.
    pub reason: Option<String>,
    /// The kind of row it happened to.
    pub entity_kind: String,
    /// Which row.
    pub entity: Uuid,
    /// Which else.
    pub covers: Json,
    /// What became of fields; personal ones as commitments.
    pub changes: Json,
    /// Which fields were read in clear.
    pub discloses: Json,
    /// Facts about the act.
    pub details: Json,
    /// Address and agent, sealed.
    pub source: Option<Vec<u8>>,
    /// The request's id.
    pub request: String,
    /// The trace's id.
    pub trace: Option<String>,
}

impl Entry {
    /// Where its [`source`](Self::source) is sealed.
    pub fn source_place(&self, tenant: TenantId) -> Place<'static> {
        source_place(tenant, self.unit)
    }
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// What is older was not looked at: a search looks at so many entries at a time, however few it finds.
    pub reached: Option<EventId>,
}

/// Port: the reader's own log, newest first.
#[async_trait]
pub trait AuditView: Send {
    /// Up to `most` entries that `search` finds, older than `before`.
    async fn entries(
        &mut self,
        search: &Search,
        before: Option<EventId>,
        most: u32,
    ) -> Result<Found, StoreError>;

    /// One entry.
    async fn entry(&mut self, id: EventId) -> Result<Option<Entry>, StoreError>;
}
