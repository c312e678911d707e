//! The log: how it grows, what stops it, how it is served and searched.
#![expect(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test may")]

mod clock;
mod crashes;
mod delivery;
mod erasure;
mod growth;
mod heads;
mod keeping;
mod logs;
mod looks;
mod meanwhile;
mod months;
mod old;
mod orphans;
mod places;
mod races;
mod rejected;
mod rotation;
mod rotten;
mod search;
mod size;
#[path = "../doors/support.rs"]
mod support;
mod tiles;
mod waiting;
mod witnessed;
