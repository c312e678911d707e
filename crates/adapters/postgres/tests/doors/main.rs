//! The two doors to the database: what opens them, what they let through, and what they leave.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may")]

mod counted;
mod due;
mod early;
mod erased;
mod group;
mod isolation;
mod lookup;
mod order;
mod reading;
mod rewraps;
mod rewrites;
mod support;
mod unit;
