//! The figures of a whole run, in `docs/benchmarks.md`.

use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::table::Table;

const BEGIN: &str = "<!-- figures of `cargo xtask bench --write` -->\n";
const END: &str = "<!-- end of figures -->";

/// Puts the figures where the last ones were.
pub(crate) fn write(machine: &str, tables: &[Table]) -> Outcome {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmarks.md");
    let text = fs::read_to_string(&file)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("`docs/benchmarks.md` has no place for figures")?;
    let (_, after) = rest.split_once(END).ok_or("`docs/benchmarks.md` has no end of figures")?;
    let figures: String = tables.iter().map(|table| format!("\n{table}")).collect();
    Ok(fs::write(&file, format!("{before}{BEGIN}\n{machine}\n{figures}\n{END}{after}"))?)
}
