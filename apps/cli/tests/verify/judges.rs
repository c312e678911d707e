//! Both verifiers, asked the same.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::forge::{Files, Key};

/// What a verifier is given, and what it should say.
pub(crate) struct Case {
    pub(crate) name: String,
    /// A log, or what `proof` holds.
    pub(crate) files: Files,
    /// What lies beside: `state`, `entry`.
    pub(crate) beside: Vec<(&'static str, Vec<u8>)>,
    pub(crate) options: Vec<String>,
    /// The reasons that would be right; none, if it is sound.
    pub(crate) reasons: Vec<&'static str>,
    /// How much of it should be said to be pruned, if that matters.
    pub(crate) pruned: Option<u64>,
}

impl Case {
    pub(crate) fn of(name: impl Into<String>, files: Files, reasons: &[&'static str]) -> Self {
        Self {
            name: name.into(),
            files,
            beside: Vec::new(),
            options: Key::trusted(),
            reasons: reasons.to_vec(),
            pruned: None,
        }
    }

    pub(crate) fn proof(name: impl Into<String>, proof: Vec<u8>, reasons: &[&'static str]) -> Self {
        Self::of(name, Files([("proof".to_owned(), proof)].into()), reasons)
    }

    pub(crate) fn with(mut self, option: &'static str, bytes: Vec<u8>) -> Self {
        self.beside.push((option, bytes));
        self
    }

    /// Lays it out, and says how a verifier is asked.
    fn lay(&self, directory: &Path) -> Vec<String> {
        let log = directory.join("log");
        self.files.write(&log);
        let proof = log.join("proof");
        let mut arguments = vec![text(if proof.exists() { &proof } else { &log })];
        arguments.extend(self.options.iter().cloned());
        for (option, bytes) in &self.beside {
            let path = directory.join(option);
            std::fs::write(&path, bytes).unwrap();
            arguments.extend([format!("--{option}"), text(&path)]);
        }
        arguments.push("--json".into());
        arguments
    }
}

/// Each verifier's word on every case: exit code, reason and place.
pub(crate) fn judge(cases: &[Case]) {
    let directory = TempDir::new().unwrap();
    let lay = |(n, case): (usize, &Case)| case.lay(&directory.path().join(n.to_string()));
    let asked: Vec<_> = cases.iter().enumerate().map(lay).collect();
    let theirs = python(&asked);
    assert_eq!(theirs.len(), cases.len());
    for ((case, arguments), their) in cases.iter().zip(&asked).zip(theirs) {
        let our = ours(arguments);
        assert_eq!(our, their, "the verifiers differ: {}", case.name);
        match our.reason() {
            None => {
                assert!(our.code == 0 && case.reasons.is_empty(), "{}: {our:?}", case.name);
                assert!(case.pruned.is_none_or(|pruned| our.pruned == pruned), "{}: {our:?}", case.name);
            }
            Some(reason) => {
                assert!(our.code == 1 && case.reasons.contains(&reason), "{}: {our:?}", case.name);
            }
        }
    }
}

/// Each verifier's exit code.
pub(crate) fn codes(asked: &[Vec<String>]) -> Vec<(u64, u64)> {
    let theirs = python(asked);
    assert_eq!(theirs.len(), asked.len());
    asked.iter().zip(theirs).map(|(arguments, theirs)| (ours(arguments).code, theirs.code)).collect()
}

#[derive(Debug, Eq, PartialEq)]
struct Word {
    code: u64,
    reason: Value,
    place: Value,
    pruned: Value,
}

impl Word {
    fn of(code: u64, said: &Value) -> Self {
        let part = |name: &str| said[name].clone();
        Self { code, reason: part("reason"), place: part("place"), pruned: part("pruned") }
    }

    fn reason(&self) -> Option<&str> {
        self.reason.as_str()
    }
}

fn ours(arguments: &[String]) -> Word {
    let arguments: Vec<_> = std::iter::once("verify".to_owned()).chain(arguments.iter().cloned()).collect();
    let done = ward_cli::run(&arguments, None);
    Word::of(done.code.into(), &serde_json::from_str(&done.said).unwrap_or_default())
}

pub(crate) fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify/ward_verify.py")
}

/// One process for all.
fn python(asked: &[Vec<String>]) -> Vec<Word> {
    let mut script = Command::new("python3")
        .arg(script())
        .arg("--batch")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String =
        asked.iter().map(|arguments| format!("{}\n", Value::from(arguments.clone()))).collect();
    let mut input = script.stdin.take().unwrap();
    let writing = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = script.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    let words = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    words.map(|said| Word::of(said["code"].as_u64().unwrap(), &said)).collect()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_other_verifier_holds_against_the_vectors_of_its_specifications() {
    let output = Command::new("python3").arg(script()).arg("--self-test").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
