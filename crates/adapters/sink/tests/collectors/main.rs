//! Sinks against real collectors.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod http;
mod syslog;

use tempfile::{TempDir, tempdir};
use ward::{Batch, Untaken};
use ward_sink::Authorities;
use ward_testkit::{Collector, Protocol};

fn batch(lines: &[&str]) -> Batch {
    Batch { id: "batch".into(), lines: lines.iter().map(|line| (*line).to_owned()).collect() }
}

/// Every cause of a failure, in words.
fn causes(failed: Untaken) -> String {
    let first: &dyn std::error::Error = &failed;
    let all = std::iter::successors(Some(first), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn collector(speaks: Protocol) -> (Collector, TempDir) {
    let home = tempdir().unwrap();
    (Collector::start(speaks, home.path()).unwrap(), home)
}

fn file_of(collector: &Collector) -> Authorities {
    Authorities::File(collector.authority().to_owned())
}
