//! The proof of isolation: nothing found on a clean schema, every sabotage of it found.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod clean;
mod clinic;
mod exploited;
mod repelled;
mod sabotage;
mod sabotages;
mod seed;
