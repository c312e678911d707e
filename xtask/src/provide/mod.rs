//! Puts in place what a command needs from outside: quick when it is there, and nothing more than is needed.

mod apt;
mod browser;
mod cargo;
mod hsm;
mod postgres;
mod python;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::process::{Outcome, root};

pub(crate) use browser::browser;
pub(crate) use cargo::{cargo_deny, cargo_fuzz, cargo_mutants};
pub(crate) use hsm::hsm;
pub(crate) use postgres::postgres;
pub(crate) use python::{export_readers, moto, schemathesis};

/// Where tools of this repository's own are kept.
fn tools() -> PathBuf {
    root().join(".ward/tools")
}

/// Lets tests find `program` as `.ward/tools/bin/NAME`.
fn name_tool(name: &str, program: &Path) -> Outcome {
    let bin = tools().join("bin");
    let script = bin.join(name);
    let text = format!("#!/bin/sh\nexec '{}' \"$@\"\n", program.display());
    if fs::read_to_string(&script).is_ok_and(|held| held == text) {
        return Ok(());
    }
    fs::create_dir_all(&bin)?;
    fs::write(&script, text)?;
    Ok(fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?)
}

/// Whether `stamp` says that exactly `wanted` is in place.
fn is_in_place(stamp: &Path, wanted: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|held| held == wanted)
}
