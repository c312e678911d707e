//! Everything that is done to this repository: `cargo xtask --help`.

mod artifacts;
mod bench;
mod lint;
mod mutants;
mod process;
mod provide;
mod test;
mod up;

use std::env;
use std::process::ExitCode;

use process::Outcome;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  up [OPTIONS]      builds Ward and runs it on a private PostgreSQL, with two demo tenants, until Ctrl-C
  test [ARGUMENTS]  provides what the tests need and runs them all; ARGUMENTS go to cargo test
  lint              format, clippy, documentation, licences, bans, arrows between crates, committed artifacts
  openapi           writes docs/openapi.json and docs/permissions/ anew
  bench [--help]    measures what Ward costs beside doing without it; builds for minutes at first
  mutants [FILES]   changes the crypto crate's code in every small way, and says which changes its tests don't notice; an hour
  soak [OPERATIONS [CYCLES]]
                    a million operations dropped at random, then 200 kills of each kind, tampered logs, and
                    three minutes of fuzzing for each part of the verifier

`cargo xtask up --help` lists its options.";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Outcome {
    let (command, rest) =
        arguments.split_first().map_or(("--help", arguments), |(c, rest)| (c.as_str(), rest));
    match command {
        "up" => up::run(rest),
        "test" => test::run_tests(rest),
        "lint" => lint::run_lints(),
        "openapi" => artifacts::write(),
        "bench" => bench::measure(rest),
        "mutants" => mutants::hunt(rest),
        "soak" => bench::soak(rest),
        "-h" | "--help" | "help" => {
            println!("{HELP}");
            Ok(())
        }
        unknown => Err(format!("`{unknown}` is not a command\n\n{HELP}").into()),
    }
}
