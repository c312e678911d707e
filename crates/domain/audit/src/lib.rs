//! What happened, said so that nobody can quietly unsay it.
//!
//! A unit appends leaves that are not linked to each other, so no writer waits for another. Soon after, each is given its place in
//! its tenant's Merkle tree ([`sequence`]), whose signed head anybody may hold against the log later ([`verify`], [`witness`]).
//! A use case says what it did by returning an [`Event`]:
//!
//! ```
//! use ward_audit::{Change, Event};
//! use ward_kernel::{Action, Operation, Requires, TenantId, Uuid};
//!
//! const RENAMED: Action = Action::new("tenant.renamed");
//! static RENAME: Operation = Operation {
//!     id: "renameTenant", requires: Requires::Permission("tenant.change"), events: &[RENAMED], writes: true,
//!     discloses: false, controls: &["A1"], rate: "write", idempotent: false,
//! };
//!
//! let tenant = TenantId::from(Uuid::nil());
//! let event = Event::of(&RENAME, RENAMED, tenant).with(Change::plain("name", Some("Old"), Some("New")));
//! assert_eq!(event.action(), RENAMED);
//! ```

pub mod archive;
pub mod authority;
mod body;
mod change;
pub mod entry;
mod event;
pub mod index;
pub mod inspect;
pub mod keeping;
pub mod log;
pub mod note;
mod own;
mod receipt;
mod search;
pub mod sequence;
mod source;
mod trail;
pub mod tree;
mod values;
pub mod verify;
mod view;
pub mod witness;

pub use body::{LONGEST, Unwritable};
pub use change::{Change, Value};
pub use entry::Entry;
pub use event::{Event, Events};
pub use own::{OwnEvent, OwnRow, RECORD_EVENTS, RECORDED, first_words, recorded};
pub use receipt::{Receipt, Recorded};
pub use search::{Search, Words};
pub use source::Origin;
pub use trail::{Leaf, Outcome, RecordError, Trail, Writer, record, refuse};
pub use values::{Erasure, Replaced, ValuesView};
pub use view::{
    AuditView, DISCLOSE_VALUES, ENTRIES_READ, ENTRY_READ, EXPORT, EXPORT_COMPLETED, EXPORT_STARTED, Found,
    LIST_EVENTS, PROVE_EVENT, READ_ENTRIES, SEARCHED, SHOW_EVENT, VALUES_DISCLOSED,
};
