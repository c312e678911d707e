//! Futures dropped while a transaction opens, on a pool of one; and sqlx's own form, which must lose.
#![expect(clippy::disallowed_methods, reason = "a test may")]

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use sea_orm::ConnectionTrait as _;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor as _, PgPool, Row as _};
use uuid::Uuid;
use ward_testkit::Database;

use crate::connection::Connection;

const CUTS: u32 = 2_000;
/// A unit waits this often at most: for a connection, for its opening, and for its statement.
const TURNS: u32 = 6;

/// Drops `future` when it waits for the `turn`-th time. Cut by turns, not by the clock, it is cut in the same places
/// however busy the machine is.
async fn cut(future: impl Future, turn: u32) {
    let (mut future, mut waited) = (pin!(future), 0);
    poll_fn(|context| {
        let done = future.as_mut().poll(context).is_ready();
        waited += 1;
        if done || waited == turn { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Whether the connection's next user finds a tenant, or a transaction, that is not its own.
async fn inherits(pool: &PgPool) -> bool {
    let asked =
        "SELECT coalesce(current_setting('ward.tenant', true), '') <> '' OR now() <> statement_timestamp()";
    let mut conn = pool.acquire().await.unwrap();
    let answer = (&mut *conn).fetch_one(asked).await;
    answer.is_err() || answer.is_ok_and(|row| row.get(0))
}

async fn guarded(pool: &PgPool) {
    let unit = Connection::open(pool, Uuid::now_v7(), true).await.unwrap();
    unit.execute_unprepared("SELECT 1").await.unwrap();
}

async fn naive(pool: &PgPool) {
    let begin = format!("BEGIN; SET LOCAL ward.tenant = '{}'", Uuid::now_v7());
    let mut unit = pool.begin_with(AssertSqlSafe(begin)).await.unwrap();
    unit.execute("SELECT 1").await.unwrap();
}

async fn storm(form: impl AsyncFn(&PgPool)) -> u32 {
    let db = Database::create().await.unwrap();
    let options = PgPoolOptions::new().max_connections(1).test_before_acquire(false);
    let pool = options.connect(&db.url("ward_app")).await.unwrap();
    let mut inherited = 0;
    for n in 0..CUTS {
        cut(form(&pool), n % TURNS + 1).await;
        inherited += u32::from(inherits(&pool).await);
    }
    inherited
}

/// One after the other: side by side, each would hide the other's window.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_inherits_a_unit_that_was_cut_short() {
    let control = storm(naive).await;
    assert!(control > CUTS / 20, "too weak to mean anything: {control} of {CUTS} inherited the naive form");
    assert_eq!(storm(guarded).await, 0);
}

#[tokio::test]
async fn a_statement_that_was_cut_short_poisons_its_unit() {
    let db = Database::create().await.unwrap();
    let pool = PgPoolOptions::new().connect(&db.url("ward_app")).await.unwrap();
    let unit = Connection::open(&pool, Uuid::now_v7(), true).await.unwrap();
    let sleep = unit.execute_unprepared("SELECT pg_sleep(0.1)");
    cut(sleep, 1).await;
    assert!(!unit.commit().await.unwrap(), "nobody knows what the statement did");
}
