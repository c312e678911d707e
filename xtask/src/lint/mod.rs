//! `cargo xtask lint`: everything that is known without running Ward.

mod advisories;
mod tidy;

use std::process::Command;

use crate::artifacts;
use crate::process::{Outcome, cargo, root, run};
use crate::provide;

type Check = fn() -> Outcome;

/// Runs every check, even after one failed, and names those that did.
pub(crate) fn run_lints() -> Outcome {
    let checks: [(&str, Check); 8] = [
        ("lock files", locks),
        ("format", format),
        ("clippy", clippy),
        ("documentation", documentation),
        ("licences, bans, sources", bans),
        ("advisories", advisories::check),
        ("tidy", tidy::check),
        ("committed artifacts", artifacts::check),
    ];
    let mut failed = Vec::new();
    for (name, check) in checks {
        eprintln!("==> {name}");
        if let Err(error) = check() {
            eprintln!("{error}");
            failed.push(name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("lint failed: {}", failed.join("; ")).into()) }
}

/// The workspaces beside Ward's own.
const ASIDE: [&str; 2] = ["xtask/bench/Cargo.toml", "xtask/fuzz/Cargo.toml"];

/// What a crate of Ward's needs changes their lock files too.
fn locks() -> Outcome {
    let update = ["update", "--workspace", "--locked", "--quiet", "--manifest-path"];
    ASIDE.into_iter().try_for_each(|manifest| run(cargo().args(update).arg(manifest)))
}

fn format() -> Outcome {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    ASIDE
        .into_iter()
        .try_for_each(|manifest| run(cargo().args(["fmt", "--check", "--manifest-path", manifest])))
}

fn clippy() -> Outcome {
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))?;
    let mut fuzz = cargo();
    fuzz.args([
        "clippy",
        "--locked",
        "--manifest-path",
        "xtask/fuzz/Cargo.toml",
        "--target-dir",
        "target/fuzz",
    ]);
    run(fuzz.args(["--", "-D", "warnings"]))
}

fn documentation() -> Outcome {
    let mut doc = cargo();
    doc.args(["doc", "--workspace", "--no-deps", "--locked", "--document-private-items"]);
    run(doc.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"))
}

fn bans() -> Outcome {
    run(deny()?.args(["check", "licenses", "bans", "sources"]))
}

/// cargo-deny, at the top of the repository.
fn deny() -> Outcome<Command> {
    let mut deny = Command::new(provide::cargo_deny()?);
    deny.args(["--workspace", "--locked"]).current_dir(root());
    Ok(deny)
}
