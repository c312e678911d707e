//! The attack of one canary tenant on another, as the serving role, in a transaction that rolls back.
//!
//! It can't see whether a *session* keeps a tenant for its next user, since it has one connection: that the adapter only ever sets
//! the tenant for a transaction is the storm test's to show, and [`prove`](super::prove) refuses a connection that carries one.

mod campaign;
mod oracle;
mod probe;
mod report;
mod sample;
mod statements;
mod target;
mod trial;

use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::declaration::Declaration;
use campaign::Campaign;

pub use report::{Breach, Report};

/// One snapshot, so that what others commit meanwhile is not taken for a breach; and nobody waits for it for long.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL search_path = pg_catalog; SET LOCAL lock_timeout = '200ms'; \
                     SET LOCAL statement_timeout = '2s'; SET LOCAL standard_conforming_strings = on; SET CONSTRAINTS ALL IMMEDIATE";

/// Tries to reach tenant `b` from tenant `a`, from no tenant and from garbage, on every table, view and function of every schema.
///
/// `conn` is the serving role's, outside any transaction, and nobody else's afterwards if the future is dropped before it ends.
/// Both should be canaries with few rows, at least one of each in every table, or the report counts what is vacuous. Nothing stays.
pub async fn attack(
    conn: &mut PgConnection,
    declared: &Declaration,
    a: Uuid,
    b: Uuid,
) -> Result<Report, sqlx::Error> {
    let begin = format!("{BEGIN}; {}", declared.set_local());
    sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut *conn).await?;
    let result = Campaign::run(&mut *conn, a, b).await;
    sqlx::raw_sql("ROLLBACK").execute(conn).await?;
    result
}
