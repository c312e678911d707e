//! `cargo xtask bench` and `cargo xtask soak`: what Ward costs, and whether it holds for longer than the tests look.
//!
//! Whom Ward is measured against and what feeds its verifier nonsense is no part of it, so `xtask/bench` and `xtask/fuzz` are
//! workspaces of their own.

use std::fs;
use std::process::Command;

use crate::process::{Outcome, cargo, root, run};
use crate::provide;

/// Measures; `arguments` are those of `xtask/bench`.
pub(crate) fn measure(arguments: &[String]) -> Outcome {
    provide::postgres()?;
    provide::hsm()?;
    provide::moto()?;
    // What does to a token as its owner may lies beside the program that needs one.
    run(bench("build").args(["--package", "bench", "--package", "ward-testkit", "--bins"]))?;
    run(bench("run").arg("--").args(arguments))?;
    let sealing = arguments.is_empty() || arguments.iter().any(|argument| argument == "sealing");
    // What is embedded has other ciphers than what is deployed.
    if sealing { run(bench("run").args(["--no-default-features", "--", "sealing"])) } else { Ok(()) }
}

/// A million operations dropped at random, then the kills of the test suite and the logs that it tampers with, more of them; keys that are
/// followed under 100,000 values while Ward is asked or killed; keys sought on a stack where code is optimised; and minutes of whatever bytes reach the verifier's code.
pub(crate) fn soak(arguments: &[String]) -> Outcome {
    let (operations, cycles) = match arguments {
        [] => ("1000000", "200"),
        [operations] => (operations.as_str(), "200"),
        [operations, cycles] => (operations.as_str(), cycles.as_str()),
        _ => return Err("usage: cargo xtask soak [OPERATIONS [CYCLES]]".into()),
    };
    provide::postgres()?;
    run(bench("run").args(["--", "soak", operations]))?;
    let kills = ["test", "--locked", "--package", "ward-api", "--test", "process", "kill::"];
    run(cargo().args(kills).env("WARD_TEST_CYCLES", cycles))?;
    let rotations =
        ["test", "--locked", "--package", "ward-api", "--test", "process", "rotated::", "--", "--nocapture"];
    run(cargo().args(rotations).env("WARD_TEST_CYCLES", "50").env("WARD_TEST_PEOPLE", PEOPLE))?;
    for provider in [&["--features", "aws-lc"][..], &[]] {
        let wiped = ["test", "--locked", "--release", "--package", "ward-crypto", "--test", "crypto"];
        run(cargo().args(wiped).args(provider).args(["--", "wiped::"]))?;
    }
    let attacks = ["test", "--locked", "--package", "ward-cli", "--test", "verify", "attacks::"];
    run(cargo().args(attacks).env("WARD_TEST_ROUNDS", ROUNDS))?;
    fuzz()
}

/// Of whom 100,000 values are sealed.
const PEOPLE: &str = "25000";

/// Logs of each size that are tampered with in each way: more than 10,000 cases together.
const ROUNDS: &str = "60";

/// Feeds each part of the verifier for three minutes. What it learns is kept in `target/fuzz`, and what it finds beside it.
fn fuzz() -> Outcome {
    let program = provide::cargo_fuzz()?;
    for target in TARGETS {
        let found = root().join("target/fuzz/corpus").join(target);
        fs::create_dir_all(&found)?;
        let mut fuzz = Command::new(&program);
        fuzz.args(["fuzz", "run", "--fuzz-dir", "xtask/fuzz", "--target-dir", "target/fuzz", target])
            .arg(found);
        fuzz.args([
            "--",
            "-max_total_time=180",
            "-timeout=30",
            "-artifact_prefix=target/fuzz/",
            "-print_final_stats=1",
        ]);
        // The sanitizer is one of nightly's options, and the toolchain is pinned.
        run(fuzz.current_dir(root()).env("RUSTC_BOOTSTRAP", "1"))?;
    }
    Ok(())
}

/// The programs of `xtask/fuzz`.
const TARGETS: [&str; 6] = ["note", "checkpoint", "canonical", "proof", "export", "log"];

fn bench(what: &str) -> Command {
    let mut bench = cargo();
    bench.args([what, "--quiet", "--release", "--locked", "--manifest-path", "xtask/bench/Cargo.toml"]);
    bench.args(["--target-dir", "target/bench"]);
    bench
}
