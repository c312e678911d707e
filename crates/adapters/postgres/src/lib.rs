//! Ward's ports on PostgreSQL.
//!
//! There are two doors: a [`PgUnit`], one tenant's transaction, and a [`PgReading`], one statement at a time. sqlx's
//! own `begin` is not cancel-safe and is never used.

mod audit;
mod audit_view;
mod connection;
mod error;
mod gated;
mod job;
mod keys;
pub mod launcher;
mod lookup;
mod migrate;
mod once;
pub mod prover;
mod reading;
mod scoped;
mod store;
#[cfg(test)]
mod storm;
mod table;
mod tenant;
mod unit;

pub use migrate::{MigrateError, SCHEMA, migrate};
pub use reading::PgReading;
pub use store::{OpenError, Postgres};
pub use table::TenantTable;
pub use unit::PgUnit;
