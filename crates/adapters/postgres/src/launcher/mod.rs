//! A private PostgreSQL for a deployment that names no database: found on this machine, made in the data
//! directory, owned by this process, stopped with it.
//!
//! ```no_run
//! use ward_postgres::launcher::{Binaries, Cluster, Durability, bootstrap};
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let data = std::path::Path::new("/var/lib/ward/postgres");
//! let cluster = Cluster::start(&Binaries::find(data, None)?, data, Durability::Full)?;
//! bootstrap(&cluster.url("postgres", "postgres"), "ward").await?;
//! println!("{}", cluster.url("ward_app", "ward"));
//! cluster.stop()?;
//! # Ok(())
//! # }
//! ```
//!
//! **Who can reach it.** It listens on a unix socket only, in a directory of mode 0700 that belongs to the
//! account it runs as, and trusts whoever gets there: that account and root. Root never runs PostgreSQL, so a
//! start by root gives it to the owner of the existing cluster, else to `postgres`, else to `nobody`.
//!
//! **One owner.** A lock on the data directory makes sure that two processes never run the same cluster; the
//! second can [`attach`]. A cluster left running by a killed process is stopped, never adopted: its owner's
//! settings and its log went with the owner.

mod account;
mod address;
mod bootstrap;
mod choose;
mod cluster;
mod error;
mod find;
mod place;
mod postmaster;
mod run;
mod version;

pub use address::{Address, attach};
pub use bootstrap::{BootstrapError, bootstrap};
pub use cluster::{Cluster, Durability};
pub use error::LaunchError;
pub use find::{Binaries, INSTALL};
pub use version::{Fixes, OLDEST, Version};
