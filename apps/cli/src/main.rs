//! `ward verify|audit`: holds an audit log, and proofs from it, against keys that are known from elsewhere.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let api_key = std::env::var("WARD_API_KEY").ok();
    let done = ward_cli::run(&arguments, api_key);
    print!("{}", done.said);
    eprint!("{}", done.complaint);
    ExitCode::from(done.code)
}
