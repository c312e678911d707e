//! The log's formats and proofs, held against published vectors and a tree that is built the simple way.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

mod archive;
mod body;
mod merkle;
mod notes;
mod tiles;
mod witness;
