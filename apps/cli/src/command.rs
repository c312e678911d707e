use ward_audit::verify::{Failure, InvalidTrust, Refuted};

use crate::options::Options;
use crate::report::{self, Report};
use crate::{mirror, offline, online, prove};

const HELP: &str = "\
ward verify FILE --key KEY         verify the proof of an entry or of an export, or a log that was copied into a directory
    [--entry FILE]                 the entry, where a `.tlog-proof` doesn't bring it
    [--export FILE]                the exported file that an export's proof was asked for
    [--state FILE]                 refuse what is older than, or contradicts, what was seen before
    [--since FILE]                 the same of a checkpoint that was kept
ward audit verify --url URL --key KEY
                                   verify the log that a running Ward serves
    [--state FILE]                 remember what was seen: it must still be there next time
    [--since FILE]                 hold it against a checkpoint that was kept
    [--full]                       hash all entries anew, not only those that are new
ward audit mirror --url URL DIR    copy a log into a directory, or go on with it
ward audit prove --url URL --key KEY ID
                                   write the proof of one entry, as a `.tlog-proof` that brings the entry, once it is verified

    --key KEY                      a log's verifier key, or a file with one on each line; repeatable
    [--witness KEY] [--quorum N]   witnesses, so many of whom must have cosigned (all of them); repeatable
    [--api-key-file FILE]          the API key, unless WARD_API_KEY holds it
    [--json]                       say it for machines

Ends with 0: verified; 1: refuted; 2: not understood; 3: could not be read or reached.
";

/// How a command ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Done {
    /// 0 verified, 1 refuted, 2 not understood, 3 could not be read or reached.
    pub code: u8,
    /// The report, for standard output.
    pub said: String,
    /// What went wrong, for standard error.
    pub complaint: String,
}

/// Why there is no report of something verified.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    #[error(transparent)]
    Refuted(#[from] Refuted),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Unread(String),
}

impl Stop {
    pub(crate) fn unread(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self::Unread(format!("`{what}`: {why}"))
    }
}

impl From<InvalidTrust> for Stop {
    fn from(invalid: InvalidTrust) -> Self {
        Self::Usage(invalid.to_string())
    }
}

impl From<Failure<Stop>> for Stop {
    fn from(failure: Failure<Stop>) -> Self {
        match failure {
            Failure::Refuted(refuted) => Self::Refuted(refuted),
            Failure::Source(stop) => stop,
        }
    }
}

/// Runs one command. The API key is what the environment holds.
pub fn run(arguments: &[String], api_key: Option<String>) -> Done {
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    if matches!(words.as_slice(), ["help"] | [.., "--help" | "-h"]) {
        return Done { code: 0, said: HELP.into(), complaint: String::new() };
    }
    let json = words.contains(&"--json");
    match command(&words, arguments, api_key) {
        Ok(report) => done(0, if json { report.json() } else { report.to_string() }),
        Err(Stop::Refuted(refuted)) => {
            done(1, if json { report::refuted_json(&refuted) } else { report::refuted(&refuted) })
        }
        Err(stop @ Stop::Usage(_)) => {
            Done { code: 2, said: String::new(), complaint: format!("{stop}\n\n{HELP}") }
        }
        Err(stop) => Done { code: 3, said: String::new(), complaint: format!("{stop}\n") },
    }
}

fn command(words: &[&str], arguments: &[String], api_key: Option<String>) -> Result<Report, Stop> {
    let after = |words| arguments.get(words..).unwrap_or_default();
    match words {
        ["verify", ..] => offline::verify(&Options::parse(
            after(1),
            &["--key", "--witness", "--quorum", "--entry", "--export", "--state", "--since", "--json"],
            1,
        )?),
        ["audit", "verify", ..] => {
            let taken = ["--url", "--key", "--witness", "--quorum", "--api-key-file"];
            let taken = [&taken[..], &["--state", "--since", "--full", "--json"]].concat();
            online::verify(&Options::parse(after(2), &taken, 0)?, api_key)
        }
        ["audit", "mirror", ..] => {
            mirror::copy(&Options::parse(after(2), &["--url", "--api-key-file", "--json"], 1)?, api_key)
        }
        ["audit", "prove", ..] => {
            let taken = ["--url", "--key", "--witness", "--quorum", "--api-key-file", "--json"];
            prove::prove(&Options::parse(after(2), &taken, 1)?, api_key)
        }
        _ => Err(Stop::Usage("which command?".into())),
    }
}

fn done(code: u8, said: String) -> Done {
    Done { code, said, complaint: String::new() }
}
