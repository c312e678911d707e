//! Logs and proofs that are sound, and the same ones tampered with in every way that a verifier sees: by this verifier, and by the one in
//! `docs/verify`, which knows nothing of it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

mod attacks;
mod clean;
mod exports;
mod forge;
mod growth;
mod judges;
mod online;
mod proofs;
mod proven;
mod pruned;
mod usage;
