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

/// A million operations dropped at random, then the kills of the test suite, more of them.
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
    run(cargo().args(kills).env("WARD_TEST_CYCLES", cycles))
}

fn bench() -> Command {
    let mut bench = cargo();
    bench.args(["run", "--quiet", "--release", "--locked", "--manifest-path", "xtask/bench/Cargo.toml"]);
    bench.args(["--target-dir", "target/bench", "--"]);
    bench
}
