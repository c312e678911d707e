//! Running other programs.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a step comes to; the error is for the reader of the terminal.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The cargo that runs this program, at the top of the repository.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// A program that was built beside this one.
pub(crate) fn built(name: &str) -> Outcome<PathBuf> {
    Ok(env::current_exe()?.with_file_name(name))
}

/// Runs a command to its end; both its outputs are seen.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| format!("can't run `{}`: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed ({status})", shown(command)).into()) }
}

/// The same, on the error output alone: the standard output may be somebody's JSON.
pub(crate) fn run_aside(command: &mut Command) -> Outcome {
    eprintln!("$ {}", shown(command));
    run(command.stdin(Stdio::null()).stdout(std::io::stderr()))
}

/// What a command prints, if it succeeds.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let done = command.stderr(Stdio::inherit()).output();
    let done = done.map_err(|error| format!("can't run `{}`: {error}", shown(command)))?;
    if !done.status.success() {
        return Err(format!("`{}` failed ({})", shown(command), done.status).into());
    }
    Ok(String::from_utf8(done.stdout)?)
}

/// Where a program is, as the shell would find it.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|found| found.is_file())
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, name: &str) -> Outcome {
    run(Command::new("/bin/sh").args(["-c", r#"kill -s "$1" "$2""#, "sh", name, &pid.to_string()]))
}

/// Asks a program to end, and says whether it did in time; one that doesn't is killed.
pub(crate) fn stop(child: &mut Child, patience: Duration) -> bool {
    let begun = Instant::now();
    if matches!(child.try_wait(), Ok(None)) {
        let _ = signal(child.id(), "TERM"); // it may be gone meanwhile
    }
    while matches!(child.try_wait(), Ok(None)) {
        if begun.elapsed() > patience {
            let _ = child.kill().and_then(|()| child.wait()); // nothing is left to be done about it
            return false;
        }
        pause();
    }
    true
}

/// A moment, between two looks.
#[expect(clippy::disallowed_methods, reason = "nothing else is going on")]
pub(crate) fn pause() {
    thread::sleep(Duration::from_millis(50));
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    command.get_args().fold(program.to_string_lossy().into_owned(), |mut text, argument| {
        let _ = write!(text, " {}", argument.to_string_lossy());
        text
    })
}
