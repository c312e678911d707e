//! The proof that no tenant reaches another: what the catalogue says, and what an attacker gets.
//!
//! [`prove`] applies every rule of [`RULES`] to every object of the database. It runs after a migration, at start and on
//! schedule; a finding stops the start.

mod catalogue;
mod declaration;
mod proof;
mod rule;
mod versions;
mod ward;

pub use catalogue::prove;
pub use declaration::{AppendOnly, Declaration, Definer, Exempt};
pub use proof::{Finding, Proof, Verdict};
pub use rule::{RULES, Rule};
