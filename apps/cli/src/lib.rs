//! The verifier: `ward verify` offline, `ward audit verify` against a running Ward, `ward audit mirror` for a copy of a log,
//! `ward audit prove` for the proof of one entry.
//!
//! What is decided is decided by [`ward_audit::verify`]; here are the files, the wire and the words.

mod command;
mod directory;
mod export;
mod keys;
mod mirror;
mod offline;
mod online;
mod options;
mod prove;
mod report;
mod served;
mod state;

pub use command::{Done, run};
