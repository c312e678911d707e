//! `cargo xtask mutants`: whether the tests of the crypto crate notice when its code does something else.

use std::fs;
use std::process::Command;

use crate::process::{Outcome, root};
use crate::provide;

const CRATE: &str = "ward-crypto";
const SOURCES: &str = "crates/domain/crypto/src";

/// The changes that no test can notice, or need: each with its reason.
const ACCEPTED: &str = include_str!("../tools/mutants.txt");

/// What is only compiled with a feature of its own, in the place of something else.
const APART: (&str, &str) = ("cipher/aws_lc.rs", "aws-lc");

/// Changes the code in every small way, in `files` of the crate or in all of it, and runs the crate's tests against each change. One that they
/// don't notice is a fault, unless it is accepted; so is one accepted that they do notice.
pub(crate) fn hunt(files: &[String]) -> Outcome {
    let (all, mut missed) = (files.is_empty(), String::new());
    let (apart, others): (Vec<_>, Vec<_>) =
        files.iter().map(String::as_str).partition(|file| *file == APART.0);
    if all || !others.is_empty() {
        missed += &missed_in(&others, &["--exclude", &source(APART.0)])?;
    }
    if all || !apart.is_empty() {
        missed += &missed_in(&[APART.0], &["--features", APART.1])?;
    }
    let faults = faults(&missed, ACCEPTED, all);
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n").into()) }
}

/// The changes in `files` that no test noticed, or that had one run for ever.
fn missed_in(files: &[&str], with: &[&str]) -> Outcome<String> {
    let mut mutants = Command::new(provide::cargo_mutants()?);
    fs::create_dir_all(root().join("target"))?;
    mutants.args([
        "mutants",
        "--package",
        CRATE,
        "--timeout",
        "90",
        "--output",
        "target/mutants",
        "--colors",
        "never",
    ]);
    mutants.args(with).args(files.iter().flat_map(|file| ["--file".to_owned(), source(file)]));
    mutants.args(["--", "--lib", "--tests"]);
    let status = mutants.current_dir(root()).status()?;
    // 2: some were missed; 3: with some the tests didn't end. Whatever else fails is no answer.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        return Err(format!("the mutants were not tested ({status})").into());
    }
    let read = |name: &str| fs::read_to_string(root().join("target/mutants/mutants.out").join(name));
    Ok(read("missed.txt")? + &read("timeout.txt")?)
}

fn source(file: &str) -> String {
    format!("{SOURCES}/{file}")
}

/// What is missed and not accepted and, where all files were looked at, what is accepted and not missed.
fn faults(missed: &str, accepted: &str, all: bool) -> Vec<String> {
    let missed: Vec<_> = missed.lines().map(unplaced).collect();
    let accepted = accepted.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let accepted: Vec<_> = accepted.map(|line| line.split_once(" # ").unwrap_or((line, ""))).collect();
    let known = |mutant: &String| accepted.iter().any(|(name, _)| *name == mutant.as_str());
    let unknown =
        missed.iter().filter(|mutant| !known(mutant)).map(|mutant| format!("no test notices: {mutant}"));
    let unreasoned = accepted.iter().filter(|(_, reason)| reason.is_empty());
    let unreasoned = unreasoned.map(|(name, _)| format!("accepted without a reason: {name}"));
    let stale = accepted.iter().filter(|(name, _)| all && !missed.iter().any(|mutant| mutant == name));
    let stale = stale.map(|(name, _)| format!("accepted, but noticed or gone: {name}"));
    unknown.chain(unreasoned).chain(stale).collect()
}

/// `file: change`, without line and column, which every edit moves.
fn unplaced(line: &str) -> String {
    let mut parts = line.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(change)) => {
            format!("{}:{change}", file.strip_prefix(SOURCES).unwrap_or(file).trim_start_matches('/'))
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{ACCEPTED, faults, unplaced};

    const MISSED: &str = "crates/domain/crypto/src/a.rs:3:5: replace f with ()\ncrates/domain/crypto/src/b.rs:9:1: replace > with >= in g\n";

    #[test]
    fn a_change_that_no_test_notices_is_a_fault_unless_it_is_accepted_with_a_reason() {
        assert_eq!(unplaced(MISSED.lines().next().unwrap()), "a.rs: replace f with ()");
        let accepted =
            "# why\n\na.rs: replace f with () # says nothing\nb.rs: replace > with >= in g # never equal\n";
        assert!(faults(MISSED, accepted, true).is_empty());
        assert_eq!(faults(MISSED, "", true).len(), 2);
        assert_eq!(
            faults(MISSED, "a.rs: replace f with ()\nb.rs: replace > with >= in g # never equal", true).len(),
            1
        );
        let gone = format!("{accepted}c.rs: replace h with () # gone");
        assert_eq!((faults(MISSED, &gone, true).len(), faults(MISSED, &gone, false).len()), (1, 0));
    }

    #[test]
    fn every_accepted_change_has_a_reason() {
        let lines = ACCEPTED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        assert!(
            lines
                .into_iter()
                .all(|line| line.split_once(" # ").is_some_and(|(_, reason)| !reason.is_empty()))
        );
    }
}
