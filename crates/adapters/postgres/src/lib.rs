//! Ward's ports on PostgreSQL.
//!
//! There are two doors: a [`PgUnit`], one tenant's transaction, and a [`PgReading`], one statement at a time. sqlx's
//! own `begin` is not cancel-safe and is never used.
//!
//! ```
//! # #![allow(clippy::disallowed_methods)]
//! # use std::sync::Arc;
//! # use chrono::TimeDelta;
//! # use ward::crypto::{Keyring, LocalKeys, RootKey};
//! # use ward::kernel::{Clock as _, Ids as _, Operation, Requires, TenantId, Text, authority};
//! # use ward::tenancy::{self, Founding, TENANT_FOUNDED};
//! # use ward_testkit::{Database, Machine};
//! use ward::Store as _;
//! use ward::crypto::Suite;
//! use ward::rbac::Policy;
//! use ward_postgres::Postgres;
//! # static FOUND: Operation = Operation {
//! #     id: "found", requires: Requires::Job("sales"), events: &[TENANT_FOUNDED], writes: true, discloses: false,
//! #     controls: &[], rate: "job", idempotent: false,
//! # };
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (db, machine) = (Database::create().await?, Arc::new(Machine::default()));
//! # let service = Arc::new(LocalKeys::new(RootKey::random(&*machine)?, machine.clone()));
//! # let keyring = Keyring::new(service, machine.clone(), machine.clone(), TimeDelta::seconds(60), 100)?;
//! # let (url, keyring) = (db.url("ward_app"), Arc::new(keyring));
//! let store = Postgres::open(&url, 4, keyring, Suite::XChaCha20Poly1305, machine.clone()).await?;
//!
//! # let policy = Policy::compile(&[&FOUND, &tenancy::SHOW_TENANT], &[])?;
//! # let tenant = TenantId::from(machine.next());
//! # let job = Arc::new(authority::system(tenant, "sales"));
//! # let name = Text::parse("Sunrise Clinic", tenancy::NAME_LENGTH)?;
//! # let (profile, region) = ("workforce".to_owned(), "local".to_owned());
//! # let founding = Founding { id: tenant, name, profile, region, sandbox: None, live: None, owner: None };
//! # let permit = policy.permit(&job, &FOUND)?;
//! // A tenant's first unit makes its keys.
//! let mut unit = store.found(permit).await?;
//! let event = tenancy::found(&mut *unit, &FOUND, founding, machine.now()).await?;
//! let receipt = unit.commit(event).await?;
//! assert_eq!(receipt.events().len(), 1);
//!
//! # let user = authority::user(tenant, machine.next().into(), vec![], policy.grants(["tenant.read"]).0);
//! # let permit = policy.permit(&Arc::new(user), &tenancy::SHOW_TENANT)?;
//! let found = store.read(permit).await?.tenant().await?;
//! assert_eq!(found.map(|tenant| String::from(tenant.name)), Some("Sunrise Clinic".to_owned()));
//! # Ok(())
//! # }
//! ```

mod api_key;
mod audit;
mod audit_value;
mod connection;
mod custody;
#[cfg(test)]
mod equivalence;
mod erasure;
mod error;
mod gated;
mod group;
mod job;
mod keys;
pub mod launcher;
mod ledger;
mod listen;
mod local;
mod log;
mod lookup;
mod migrate;
mod once;
mod pool;
#[cfg(test)]
mod predicate;
mod probe;
pub mod prover;
mod reading;
mod record;
mod rotation;
mod scoped;
mod sealed_column;
mod sealed_fields;
mod store;
#[cfg(test)]
mod storm;
mod subject;
#[cfg(test)]
#[path = "../tests/doors/support.rs"]
#[expect(
    dead_code,
    clippy::disallowed_methods,
    reason = "the tests from outside use more of it; and a test may"
)]
mod support;
mod table;
mod tenant;
mod turns;
mod unit;

#[cfg(test)]
extern crate self as ward_postgres;

pub use local::is_local;
pub use log::PrunedLog;
pub use migrate::{MigrateError, migrate, schema};
pub use probe::{KeyStanding, KeysWatched, RawLook};
pub use reading::PgReading;
pub use rotation::UnderWay;
pub use sealed_column::{
    ColumnSealer, IndexedText, NotSealed, SealedCell, SealedField, SealedTable, SealedText,
};
pub use store::{OpenError, Postgres};
pub use table::TenantTable;
pub use unit::PgUnit;
pub use ward_derive::SealedColumns;
