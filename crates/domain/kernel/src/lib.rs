//! The words every other crate shares: ids, who acts, what an operation is, and the ports for time, ids,
//! randomness and sealing.
//!
//! Pure: no I/O, no clock, no runtime. Start with [`Operation`], the row that everything else hangs on:
//!
//! ```
//! use ward_kernel::{Action, Operation, Requires};
//!
//! const NOTED: Action = Action::new("visit.noted");
//! static NOTE_VISIT: Operation = Operation {
//!     id: "noteVisit",
//!     requires: Requires::Permission("visits.note"),
//!     events: &[NOTED],
//!     writes: true,
//!     discloses: false,
//!     controls: &["A1"],
//!     rate: "write",
//!     idempotent: true,
//! };
//! assert_eq!(NOTE_VISIT.events[0].as_str(), "visit.noted");
//! ```

pub mod authority;
mod card;
mod id;
mod operation;
mod ports;
mod prefix;
mod principal;
mod seal;
mod text;

pub use card::{holds_card_number, is_luhn};
pub use id::{ApiKeyId, Entity, EventId, JobId, RecordId, RotationId, SubjectId, TenantId, UnitId, UserId};
pub use operation::{Action, Operation, Requires};
pub use ports::{Clock, Entropy, Ids, Machine, StoreError};
pub use prefix::{length_prefix, length_prefixed};
pub use principal::{Actor, Grants, Principal, Source};
pub use seal::{BlindIndex, Commitment, Indexer, Place, SealError, SealedBytes, Sealer, SubjectKeys};
pub use text::{InvalidText, Text};
pub use uuid::Uuid;
