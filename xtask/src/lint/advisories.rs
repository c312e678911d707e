use std::env;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::deny;
use crate::process::{Outcome, run};

/// The database of known vulnerabilities, as cargo-deny knows it.
const DATABASE: &str = "https://github.com/RustSec/advisory-db";
/// A network that lets nothing through may not even say so.
const PATIENCE: Duration = Duration::from_secs(60);

/// Checks the dependencies against the advisory database: a clone of it that `WARD_ADVISORY_DB` names, else
/// the one on the network. Where that isn't reached, says so loudly and passes: an unreachable host says
/// nothing about this code.
pub(super) fn check() -> Outcome {
    let clone = env::var("WARD_ADVISORY_DB").ok();
    let deny = || deny().map(|deny| redirected(deny, clone.as_deref()));
    let complaints = if clone.is_some() { Stdio::inherit() } else { Stdio::null() };
    let fetched = deny()?.args(["fetch", "db"]).stdin(Stdio::null()).stderr(complaints).spawn()?;
    if !in_time(fetched)? {
        return match clone {
            Some(clone) => {
                Err(format!("`WARD_ADVISORY_DB` is `{clone}`, which is no clone of the database").into())
            }
            None => {
                let line = "!".repeat(100);
                eprintln!(
                    "{line}\nadvisories: NOT CHECKED. The database can't be reached; `WARD_ADVISORY_DB` may name a clone.\n{line}"
                );
                Ok(())
            }
        };
    }
    run(deny()?.args(["check", "advisories"]))
}

/// cargo-deny refuses the URL of a folder, so git is told to take it for the real one.
fn redirected(mut deny: Command, clone: Option<&str>) -> Command {
    deny.env("GIT_TERMINAL_PROMPT", "0");
    if let Some(clone) = clone {
        deny.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_VALUE_0", DATABASE);
        deny.env("GIT_CONFIG_KEY_0", format!("url.file://{clone}.insteadOf"));
    }
    deny
}

#[expect(clippy::disallowed_methods, reason = "nothing else is going on")]
fn in_time(mut child: Child) -> Outcome<bool> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(50));
    }
}
