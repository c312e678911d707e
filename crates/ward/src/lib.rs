//! Ward keeps the promises that healthcare software makes about data, and proves it.
//!
//! A product team declares its operations, compiles them with Ward's into one policy, and reaches data with what
//! the policy permits:
//!
//! ```
//! # #![allow(clippy::disallowed_methods)]
//! use std::sync::Arc;
//!
//! use ward::Store;
//! use ward::audit::{Event, Receipt, RecordError};
//! use ward::kernel::{Action, Entity, Operation, Requires, TenantId, UserId, Uuid, authority};
//! use ward::rbac::{Permit, Policy, Role};
//!
//! const NOTED: Action = Action::new("visit.noted");
//! static NOTE_VISIT: Operation = Operation {
//!     id: "noteVisit", requires: Requires::Permission("visits.note"), events: &[NOTED], writes: true,
//!     discloses: false, controls: &["A1"], rate: "write", idempotent: true,
//! };
//!
//! async fn note(store: &dyn Store, permit: Permit, visit: Entity) -> Result<Receipt, RecordError> {
//!     let unit = store.begin(permit).await?;
//!     // Here the unit's ports change things; should this future be dropped, they didn't.
//!     unit.commit(Event::of(&NOTE_VISIT, NOTED, visit)).await
//! }
//!
//! let nurse = Role { name: "nurse".into(), permissions: vec!["visits.note".into()] };
//! let policy = Policy::compile(&[&NOTE_VISIT], &[nurse])?;
//! let somebody = |role| {
//!     let (tenant, user) = (TenantId::from(Uuid::nil()), UserId::from(Uuid::nil()));
//!     Arc::new(authority::user(tenant, user, vec![String::from(role)], policy.grants_of_roles([role])))
//! };
//! assert!(policy.permit(&somebody("nurse"), &NOTE_VISIT).is_ok());
//! assert!(policy.permit(&somebody("visitor"), &NOTE_VISIT).is_err()); // for `Store::refuse` to log
//! # Ok::<(), ward::rbac::PolicyError>(())
//! ```
//!
//! Three rules, held by the compiler: no permit, no transaction; no event, no commit; no receipt, no plaintext.
//!
//! ```compile_fail
//! # async fn f(store: &dyn ward::Store) {
//! store.begin().await; // no permit
//! # }
//! ```
//! ```compile_fail
//! # async fn f(unit: Box<dyn ward::Unit>) {
//! unit.commit().await; // no event
//! # }
//! ```
//! ```compile_fail
//! # fn f(vault: &ward::crypto::Vault, key: &ward::crypto::SubjectKey, place: ward::kernel::Place<'_>, sealed: &[u8]) {
//! vault.open(key, place, sealed); // no receipt
//! # }
//! ```
//!
//! A product team declares its operations as [`kernel::Operation`]s, compiles them with Ward's into one
//! [`rbac::Policy`], and writes its own tables in Ward's unit. A whole service, on axum:
//!
#![doc = concat!("```no_run\n", include_str!("../examples/clinic/service.rs"), "\n# fn main() {}\n```")]
//!
//! `cargo run -p ward --example clinic` starts it on a PostgreSQL that is thrown away.
//!
//! # Sealed columns
//!
//! A column of an own table is sealed in three lines: a derive, an attribute and a type. Tenant, table, column and row are bound
//! to each value by the code that the derive writes, so that a value opens nowhere else; writing takes the person's key, reading a receipt.
//!
#![doc = concat!("```no_run\n", include_str!("../examples/sealed_field.rs"), "\n```")]
//!
//! `cargo run -p ward --example sealed_field` runs it. Ward's own fields of people and records need none of this: they are
//! [`subject::Catalogue`]'s.

mod credentials;
mod custody;
mod delivery;
mod erasure;
mod job;
mod keeping;
mod keys;
mod log;
mod log_keys;
mod once;
mod rotation;
mod store;
mod witnesses;

pub use credentials::{Credentials, KeyHolder};
pub use custody::{
    BRING_KEY, Bringing, Custodian, Custody, CustodyView, EntrustError, Entrusted, FOLLOW_ROOT,
    GIVE_BACK_KEY, KEY_REFUSED, KEY_RESTORED, KEY_REWRAPPED, KEY_TRANSFERRED, KeyMessage, KeyState, KeyWatch,
    LIST_KEYS, Seen, Standing, WATCH_KEYS, Watched, entrust, follow_root, wrapper,
};
pub use delivery::{Batch, Deliveries, Delivery, Held, Sink, Sinks, Untaken};
pub use erasure::{
    Beyond, Destruction, ERASE_SUBJECT, ERASER, ERASURE_REPLAYED, ERASURE_REQUESTED, EraseError, ErasureBook,
    ErasureEntry, ErasureLedger, ErasureReason, Erasures, ErasuresView, Gone, KEY_DESTROYED, KeyDestroyed,
    LedgerError, Left, METHOD, Owed, REPLAY_ERASURE, SHOW_ERASURE, SUBJECT_ERASED, Unanswered, Unentered,
    enter, erase, look_beyond, replay,
};
pub use job::{Deployment, GivenUp, Job, JobFailure, Lease, Queue};
pub use keeping::{Keeping, Prunable};
pub use keys::{ADD_KEYS, KEY_MAKER, KEYS_ADDED, keys_added};
pub use log::{Logs, Look, Looks, Progress, Sequencer};
pub use log_keys::{LOG_KEY_ROTATED, LogKeyStore, ROTATE_LOG_KEY, RotateError, rotate_log_key};
pub use once::{Answers, Earlier, Once};
pub use rotation::{
    ADVANCE_ROTATION, KEY_MOVED, KEY_RETIRED, KEY_ROTATED, KeyUpkeep, KeyVersion, LIST_ROTATIONS, Moved,
    Next, NextOwn, PAUSE_ROTATION, RESUME_ROTATION, RETIRE_KEYS, ROTATE_KEYS, ROTATED, ROTATION_COMPLETED,
    ROTATION_INTERRUPTED, ROTATION_PAUSED, ROTATION_REQUESTED, ROTATION_RESUMED, ROTATION_STARTED, ROTATOR,
    Rotation, RotationState, Rotations, RotationsView, SCHEDULE_ROTATIONS, SHOW_ROTATION, advance,
};
pub use store::{Reading, Store, Unit};
pub use ward_assurance as assurance;
pub use ward_audit as audit;
pub use ward_crypto as crypto;
pub use ward_identity as identity;
pub use ward_kernel as kernel;
pub use ward_rbac as rbac;
pub use ward_subject as subject;
pub use ward_tenancy as tenancy;
pub use witnesses::{Cosigner, Unwitnessed};
