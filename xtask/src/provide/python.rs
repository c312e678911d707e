use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{apt, is_in_place, name_tool, tools};
use crate::process::{Outcome, on_path, run_aside};

/// Every version pinned, so that a run tomorrow is the run of today.
const SCHEMATHESIS: &str = include_str!("../../tools/schemathesis.txt");
/// OCSF's schemas as JSON Schema, which the package holds, and models of FHIR.
const EXPORT_READERS: &str = include_str!("../../tools/export-readers.txt");
/// Servers that speak the APIs of AWS: S3 with object lock, KMS.
const MOTO: &str = include_str!("../../tools/moto.txt");

/// Makes sure of schemathesis, as `.ward/tools/bin/schemathesis`.
pub(crate) fn schemathesis() -> Outcome {
    let program = package("schemathesis", SCHEMATHESIS)?;
    name_tool("schemathesis", &program)
}

/// Makes sure of a Python that reads exports of the log by other people's schemas, as `.ward/tools/bin/export-readers`.
pub(crate) fn export_readers() -> Outcome {
    name_tool("export-readers", &environment("export-readers", EXPORT_READERS)?.join("python"))
}

/// Makes sure of a Python that serves buckets with object lock, and keys, as AWS does, as `.ward/tools/bin/moto`.
pub(crate) fn moto() -> Outcome {
    name_tool("moto", &environment("moto", MOTO)?.join("python"))
}

/// A program out of a Python package: `requirements`, in an environment of the repository's own.
pub(super) fn package(name: &str, requirements: &str) -> Outcome<PathBuf> {
    Ok(environment(name, requirements)?.join(name))
}

/// The programs of an environment in which `requirements` are.
fn environment(name: &str, requirements: &str) -> Outcome<PathBuf> {
    let environment = tools().join("python").join(name);
    let (programs, stamp) = (environment.join("bin"), environment.join("requirements.txt"));
    if programs.join("python").exists() && is_in_place(&stamp, requirements) {
        return Ok(programs);
    }
    if environment.exists() {
        fs::remove_dir_all(&environment)?;
    }
    make(&environment)?;
    let wanted = environment.join("wanted.txt");
    fs::write(&wanted, requirements)?;
    let mut pip = Command::new(programs.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "-r"]);
    run_aside(pip.arg(&wanted))?;
    fs::rename(&wanted, &stamp)?;
    Ok(programs)
}

fn make(environment: &PathBuf) -> Outcome {
    let venv = || run_aside(Command::new("python3").args(["-m", "venv"]).arg(environment));
    let can = on_path("python3").is_some();
    match can.then(venv) {
        Some(Ok(())) => Ok(()),
        _ if apt::may_install() => {
            apt::install(&["python3", "python3-venv"])?;
            venv()
        }
        Some(Err(error)) => Err(error),
        None => {
            Err("Python 3 is needed, with its `venv` module; on Debian: `apt-get install python3-venv`"
                .into())
        }
    }
}
