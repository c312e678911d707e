//! `cargo xtask test`: one throw-away PostgreSQL for all test programs, then plain `cargo test`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::process::{Outcome, built, cargo, run};
use crate::provide;

/// Tests that run at once, on two cores as well: those of a server wait more than they work.
const AT_ONCE: &str = "3";

/// Names the directory of the shared server's socket.
const SHARED: &str = "WARD_TEST_CLUSTER";

pub(crate) fn run_tests(arguments: &[String]) -> Outcome {
    provide::postgres()?;
    provide::hsm()?;
    provide::schemathesis()?;
    provide::export_readers()?;
    provide::moto()?;
    provide::browser()?;
    // The server is one of the programs that the tests are built with.
    run(cargo().args(["test", "--workspace", "--locked", "--no-run"]))?;
    let server = Server::start()?;
    run(cargo()
        .args(["test", "--workspace", "--locked", "--no-fail-fast"])
        .args(arguments)
        .env("RUST_TEST_THREADS", std::env::var_os("RUST_TEST_THREADS").unwrap_or(AT_ONCE.into()))
        .env(SHARED, &server.socket))?;
    // What is embedded seals in Rust alone; in the workspace `ward-api` asks for another provider of the same ciphers.
    if arguments.is_empty() {
        run(cargo().args(["test", "--package", "ward-crypto", "--locked"]))
    } else {
        Ok(())
    }
}

/// A throw-away server, gone when this program is, however that ends: its standard input ends then.
struct Server {
    program: Child,
    socket: String,
}

impl Server {
    fn start() -> Outcome<Self> {
        let mut program = Command::new(built("ward-throwaway")?);
        let mut program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut socket = String::new();
        if let Some(output) = program.stdout.take() {
            BufReader::new(output).read_line(&mut socket)?;
        }
        let socket = socket.trim().to_owned();
        if socket.is_empty() {
            return Err(format!("no PostgreSQL for the tests ({})", program.wait()?).into());
        }
        Ok(Self { program, socket })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.program.stdin.take());
        let _ = self.program.wait(); // it has nothing left to say
    }
}
