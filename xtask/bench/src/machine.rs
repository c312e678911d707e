//! What the figures were measured on.

use std::thread::available_parallelism;

use sqlx::Row as _;
use ward_testkit::Database;

use crate::Outcome;
use crate::rounds::Effort;
use crate::world::database;

/// One line about the machine and the run.
pub(crate) async fn describe(effort: Effort) -> Outcome<String> {
    let db: Database = database().await?;
    let mut root = db.connect("postgres").await?;
    let settings = "SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
        current_setting('synchronous_commit') AS commits";
    let found = sqlx::query(settings).fetch_one(&mut root).await?;
    let word = |name: &str| found.try_get::<String, _>(name);
    let version = word("version")?;
    let version = version.split_whitespace().next().unwrap_or_default();
    Ok(format!(
        "{date}: {cores} cores, {os}/{arch}; PostgreSQL {version} on the same machine, fsync {fsync}, synchronous_commit {commits}; \
         {rounds} rounds of {turn} ms a contender.",
        date = today(),
        cores = available_parallelism()?,
        os = std::env::consts::OS,
        arch = std::env::consts::ARCH,
        fsync = word("fsync")?,
        commits = word("commits")?,
        rounds = effort.rounds,
        turn = effort.turn.as_millis(),
    ))
}

#[expect(clippy::disallowed_methods, reason = "the day of a report")]
fn today() -> chrono::NaiveDate {
    chrono::Utc::now().date_naive()
}
