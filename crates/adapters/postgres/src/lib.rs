//! Ward.

pub mod launcher;
