//! `ward-api serve|migrate|doctor|check-config|create-tenant|openapi|permissions`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    ward_api::command::run(std::env::args().skip(1).collect()).await
}
