//! The service as its clients see it: over HTTP, against a database of its own, as the role that serves.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test may")]

mod support;

mod browser;
mod erasure;
mod erasures;
mod events;
mod exports;
mod idempotency;
mod imports;
mod imports_under_way;
mod keeping;
mod keys;
mod looks;
mod own_events;
mod own_keys;
mod own_keys_raced;
mod policy;
mod problems;
mod proofs;
mod roles;
mod rotations;
mod stranger;
mod strict;
mod sweep;
mod tiles;
mod trust;
mod trust_keys;
mod values;
