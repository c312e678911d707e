//! `cargo xtask bench` and `cargo xtask soak`: what Ward costs, and whether it holds for longer than the tests look.
//!
//! Whom Ward is measured against is no part of it, so this is a workspace of its own, in `xtask/bench`.

use std::process::Command;

use crate::process::{Outcome, cargo, run};
use crate::provide;

/// Measures; `arguments` are those of `xtask/bench`.
pub(crate) fn measure(arguments: &[String]) -> Outcome {
    provide::postgres()?;
    run(bench().args(arguments))
}

/// A million operations dropped at random, then the kills of the test suite and the logs that it tampers with, more of them.
pub(crate) fn soak(arguments: &[String]) -> Outcome {
    let (operations, cycles) = match arguments {
        [] => ("1000000", "200"),
        [operations] => (operations.as_str(), "200"),
        [operations, cycles] => (operations.as_str(), cycles.as_str()),
        _ => return Err("usage: cargo xtask soak [OPERATIONS [CYCLES]]".into()),
    };
    provide::postgres()?;
    run(bench().args(["soak", operations]))?;
    let kills = ["test", "--locked", "--package", "ward-api", "--test", "process", "kill::"];
    run(cargo().args(kills).env("WARD_TEST_CYCLES", cycles))?;
    let attacks = ["test", "--locked", "--package", "ward-cli", "--test", "verify", "attacks::"];
    run(cargo().args(attacks).env("WARD_TEST_ROUNDS", ROUNDS))
}

/// Logs of each size that are tampered with in each way: more than 10,000 cases together.
const ROUNDS: &str = "60";

fn bench() -> Command {
    let mut bench = cargo();
    bench.args(["run", "--quiet", "--release", "--locked", "--manifest-path", "xtask/bench/Cargo.toml"]);
    bench.args(["--target-dir", "target/bench", "--"]);
    bench
}
