//! The proof that no tenant reaches another: what the catalogue says, and what an attacker gets.
//!
//! [`prove`] applies every rule of [`RULES`] to every object of the database; a finding stops the start. [`attack()`] tries to
//! get past the walls. Both act as the serving role, after a migration, at start and on schedule.

mod attack;
mod catalogue;
mod declaration;
mod proof;
mod rule;
mod versions;
mod ward;

pub use attack::{Breach, Report, attack};
pub use catalogue::prove;
pub use declaration::{AppendOnly, Declaration, Definer, Exempt, Trigger};
pub use proof::{Finding, Proof, Verdict};
pub use rule::{RULES, Rule};
