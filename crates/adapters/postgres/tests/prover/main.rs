//! The proof of isolation: nothing found on a clean schema, every sabotage of it found, every attack on it repelled.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod clean;
mod clinic;
mod cve;
mod dated;
mod exploited;
mod repelled;
mod sabotage;
mod sabotages;
mod seed;
