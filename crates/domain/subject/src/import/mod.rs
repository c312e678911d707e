//! Imports: many subjects from a stream of any length, row by row, in constant memory.

mod batch;
mod cells;
mod mapping;
mod revision;
mod row;
mod rows;

pub use batch::{Batch, Importer, Outcome, batch};
pub use mapping::{Mapping, Target, UnknownColumns};
pub use row::{ImportRow, RowError};
pub use rows::{Line, Rows, Syntax};
