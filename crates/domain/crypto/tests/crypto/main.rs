//! Sealing, keys, and who may open, as other crates see them.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

mod format;
mod keyring;
mod keys;
mod ledgers;
mod logs;
mod own;
mod places;
mod root;
mod silent;
mod support;
mod tally;
mod tokens;
mod turns;
mod vault;
mod wiped;
