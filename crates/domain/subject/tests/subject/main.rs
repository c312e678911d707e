//! Subjects, their records, and imports of both, over a tenant kept in memory.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

mod demo;
mod fields;
mod imports;
mod model;
mod records;
mod subjects;
mod support;
