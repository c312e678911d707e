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

/// One snapshot, so that what others commit meanwhile is mostly not taken for a breach: only unique indexes look past it. And nobody waits for it for long.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL search_path = pg_catalog; SET LOCAL lock_timeout = '200ms'; \
                     SET LOCAL statement_timeout = '2s'; SET LOCAL standard_conforming_strings = on; SET CONSTRAINTS ALL IMMEDIATE";

/// Tries to reach tenant `b` from tenant `a`, from no tenant and from garbage, on every table, view and function of every schema.
///
/// `conn` is the serving role's, outside any transaction, and nobody else's afterwards if the future is dropped before it ends.
/// Both should be canaries with few rows, at least one of each in every table, or the report counts what is vacuous. Nothing stays. A
/// breach is reported if it shows in two snapshots: a row of the attacker's own that was committed after the first counts as taken too.
pub async fn attack(
    conn: &mut PgConnection,
    declared: &Declaration,
    a: Uuid,
    b: Uuid,
) -> Result<Report, sqlx::Error> {
    let begin = format!("{BEGIN}; {}", declared.set_local());
    let report = attack_once(conn, &begin, a, b).await?;
    if report.breaches.is_empty() {
        return Ok(report);
    }
    Ok(report.confirmed_by(&attack_once(conn, &begin, a, b).await?))
}

async fn attack_once(conn: &mut PgConnection, begin: &str, a: Uuid, b: Uuid) -> Result<Report, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(begin.to_owned())).execute(&mut *conn).await?;
    let result = Campaign::run(&mut *conn, a, b).await;
    sqlx::raw_sql("ROLLBACK").execute(conn).await?;
    result
}
