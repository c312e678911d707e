//! Ward's ports on PostgreSQL.
//!
//! There are two doors: a [`PgUnit`], one tenant's transaction, and a [`PgReading`], one statement at a time. sqlx's
//! own `begin` is not cancel-safe and is never used.

mod api_key;
mod audit;
mod audit_view;
mod connection;
mod error;
mod gated;
mod job;
mod keys;
pub mod launcher;
mod ledger;
mod lookup;
mod migrate;
mod once;
mod probe;
pub mod prover;
mod reading;
mod record;
mod scoped;
mod sealed_fields;
mod store;
#[cfg(test)]
mod storm;
mod subject;
mod table;
mod tenant;
mod unit;

pub use migrate::{MigrateError, SCHEMA, migrate};
pub use reading::PgReading;
pub use store::{OpenError, Postgres};
pub use table::TenantTable;
pub use unit::PgUnit;
