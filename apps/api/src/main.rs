//! `ward-api`; `ward-api help` says what it does.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    ward_api::command::run(std::env::args().skip(1).collect()).await
}
