//! Holds logs, and proofs of single entries, against checkpoints that somebody trusts: pure functions over bytes, which read no
//! files and reach nobody.

mod canonical;
mod content;
mod difference;
mod entry;
mod export;
mod log;
mod proof;
mod reason;
mod rows;
mod tiles;
mod trust;

pub use entry::Facts;
pub use export::{ExportProof, Exported};
pub use log::{Contents, Failure, Remembered, verify_log};
pub use proof::{EntryProof, NoProof, Shown};
pub use reason::{Place, Reason, Refuted};
pub use tiles::{Source, split};
pub use trust::{InvalidTrust, Trust, Vouched};
