//! Imports: many subjects from a stream of any length, row by row, in constant memory.

mod batch;
mod mapping;
mod rows;

pub use batch::{Batch, Importer, Outcome, batch};
pub use mapping::{ImportRow, Mapping, RowError, Target, UnknownColumns};
pub use rows::{Line, Rows, Syntax};
