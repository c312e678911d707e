//! What tests stand on: a PostgreSQL that is thrown away, a database per test, a machine whose clock moves at
//! will, a bucket of an S3-compatible server, a collector of logs, a token that keeps keys, a compatible KMS and one that fails.
//!
//! ```
//! use ward_testkit::Database;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let db = Database::create().await?;
//! assert_eq!(db.run("ward_app", "SELECT FROM ward.migration WHERE version = '0001_spine'").await?, 1);
//! # Ok(())
//! # }
//! ```
//!
//! There is one server per process, started by the first test that needs it. Where `WARD_TEST_CLUSTER` names
//! the directory of a throw-away server's socket (as `ward-throwaway` prints it), all processes share that
//! one. Either is stopped and deleted when the process that started it ends, however it ends.

mod bucket;
mod collector;
mod database;
mod hsm;
mod janitor;
mod kms;
mod kms_faulty;
mod machine;
mod server;
mod template;
mod tenant;
mod tool;

pub use bucket::{Bucket, NoBucket};
pub use collector::{Collector, NoCollector, Protocol};
pub use database::{CreateError, Database};
pub use hsm::{Hsm, HsmKey, NoHsm};
pub use kms::{CompatibleKms, NoKms};
pub use kms_faulty::{Fault, FaultyKms};
pub use machine::Machine;
pub use server::{durable_server, server};
pub use tenant::{FoundError, found, open};
pub use tool::{MissingTool, tool, tools};
