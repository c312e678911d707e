//! The log's formats and proofs, held against published vectors and a tree that is built the simple way.

mod merkle;
mod notes;
mod tiles;
mod witness;
