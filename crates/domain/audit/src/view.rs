use async_trait::async_trait;
use ward_kernel::{Action, EventId, Operation, Requires, StoreError};

use crate::entry::Entry;
use crate::search::Search;

/// The log was searched.
pub const SEARCHED: Action = Action::new("audit.searched");
/// An entry was read.
pub const ENTRY_READ: Action = Action::new("audit.entry_disclosed");
/// A tile of entries was read.
pub const ENTRIES_READ: Action = Action::new("audit.entries_disclosed");
/// What personal fields held of which an entry tells was read.
pub const VALUES_DISCLOSED: Action = Action::new("audit.values_disclosed");
/// An export of the log began.
pub const EXPORT_STARTED: Action = Action::new("audit.export_started");
/// An export of the log was sent to its end.
pub const EXPORT_COMPLETED: Action = Action::new("audit.export_completed");

/// Searches the log.
pub static LIST_EVENTS: Operation = read("listAuditEvents", "audit.read", &[SEARCHED]);
/// Shows an entry.
pub static SHOW_EVENT: Operation = read("showAuditEvent", "audit.read", &[ENTRY_READ]);
/// Shows an entry with the proof that it is in the log.
pub static PROVE_EVENT: Operation = read("proveAuditEvent", "audit.read", &[ENTRY_READ]);
/// Shows the entries of a tile.
pub static READ_ENTRIES: Operation = read("auditEntries", "audit.read", &[ENTRIES_READ]);
/// Shows what the personal fields held of which an entry tells.
pub static DISCLOSE_VALUES: Operation = read("discloseAuditValues", "audit.read", &[VALUES_DISCLOSED]);
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

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// What lies below this place was not looked at: a search looks at so many entries at a time, however few it finds.
    pub reached: Option<u64>,
    /// Entries among those looked at that are gone, or aren't what was given their place: somebody was at them behind Ward's back.
    pub damaged: u64,
}

/// Port: the reader's own log, newest first.
#[async_trait]
pub trait AuditView: Send {
    /// Up to `most` entries that `search` finds, of those in places below `below`.
    async fn entries(&mut self, search: &Search, below: Option<u64>, most: u32) -> Result<Found, StoreError>;

    /// One entry.
    async fn entry(&mut self, id: EventId) -> Result<Option<Entry>, StoreError>;
}
