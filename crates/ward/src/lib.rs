//! Ward keeps the promises that healthcare software makes about data, and proves it.
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

mod credentials;
mod job;
mod once;
mod store;

pub use credentials::{Credentials, KeyHolder};
pub use job::{Deployment, Job, Lease, Queue};
pub use once::{Answers, Earlier, Once};
pub use store::{Reading, Store, Unit};
pub use ward_assurance as assurance;
pub use ward_audit as audit;
pub use ward_crypto as crypto;
pub use ward_identity as identity;
pub use ward_kernel as kernel;
pub use ward_rbac as rbac;
pub use ward_subject as subject;
pub use ward_tenancy as tenancy;
