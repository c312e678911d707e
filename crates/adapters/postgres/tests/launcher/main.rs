//! The private cluster, started as this process's account and, where that is root, as nobody too.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod bootstrap;
mod log;
mod place;
mod refused;
mod restart;
mod support;
