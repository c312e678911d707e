//! Keys in AWS KMS, at a compatible server and at one that fails.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod chain;
mod faults;
mod keys;
mod silent;
mod support;
