//! The first door: one transaction on one pooled connection, safe to drop at any await.

use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use futures::lock::Mutex;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr as _};
use sqlx_core::transaction::TransactionManager as _;
use uuid::Uuid;

use crate::turns::{Leased, Shared};

type Manager = <Postgres as sqlx::Database>::TransactionManager;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Opening,
    Open,
    Failed,
    Done,
}

#[derive(Debug)]
struct Lease {
    conn: Leased,
    phase: Phase,
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.phase {
            // sqlx 0.9.0 queues no ROLLBACK for a BEGIN cut short: never reuse the connection.
            Phase::Opening => self.conn.conn.close_on_drop(),
            Phase::Open | Phase::Failed => Manager::start_rollback(&mut self.conn.conn),
            Phase::Done => {}
        }
    }
}

#[derive(Debug)]
pub(crate) struct Connection(Mutex<Lease>);

impl Connection {
    /// Begins and names the tenant in one message, so no moment lies between the two.
    pub(crate) async fn open(pool: &Shared, tenant: Uuid, writes: bool) -> Result<Self, sqlx::Error> {
        let conn = pool.acquire(tenant).await?;
        let mut lease = Lease { conn, phase: Phase::Opening };
        let mode = if writes { "READ WRITE" } else { "READ ONLY" };
        // `Uuid` prints as hex and hyphens only: nothing to escape.
        let begin = AssertSqlSafe(format!("BEGIN {mode}; SET LOCAL ward.tenant = '{tenant}'"));
        Manager::begin(&mut lease.conn.conn, Some(begin.into_sql_str())).await?;
        lease.phase = Phase::Open;
        Ok(Self(Mutex::new(lease)))
    }

    /// Commits; `false` if a statement had failed. PostgreSQL would answer COMMIT with a silent rollback.
    pub(crate) async fn commit(self) -> Result<bool, sqlx::Error> {
        let mut lease = self.0.into_inner();
        if lease.phase == Phase::Failed {
            return Ok(false);
        }
        // Until COMMIT is answered its outcome is unknown, and so is the connection's state.
        lease.phase = Phase::Opening;
        Manager::commit(&mut lease.conn.conn).await?;
        lease.phase = Phase::Done;
        Ok(true)
    }
}

fn driver(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

pub(crate) fn bind(stmt: Statement) -> Query<'static, Postgres, SqlxValues> {
    let values = stmt.values.unwrap_or(sea_orm::Values(vec![]));
    sqlx::query_with(AssertSqlSafe(stmt.sql), SqlxValues(values))
}

/// Runs one statement. Until it is known to have succeeded it has failed, so one that was cut short poisons the unit.
macro_rules! run {
    ($self:ident, $query:expr, $method:ident) => {{
        let mut lease = $self.0.lock().await;
        let before = mem::replace(&mut lease.phase, Phase::Failed);
        let out = $query.$method(&mut *lease.conn.conn).await?;
        lease.phase = before;
        out
    }};
}

impl Connection {
    pub(crate) async fn fetch(
        &self,
        query: Query<'static, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        Ok(run!(self, query, fetch_all))
    }

    async fn execute_bound(&self, stmt: Statement) -> Result<ExecResult, sqlx::Error> {
        Ok(run!(self, bind(stmt), execute).into())
    }

    async fn execute_text(&self, sql: &str) -> Result<ExecResult, sqlx::Error> {
        Ok(run!(self, sqlx::raw_sql(AssertSqlSafe(sql.to_owned())), execute).into())
    }

    async fn one(&self, stmt: Statement) -> Result<Option<QueryResult>, sqlx::Error> {
        Ok(run!(self, bind(stmt), fetch_optional).map(Into::into))
    }

    async fn all(&self, stmt: Statement) -> Result<Vec<QueryResult>, sqlx::Error> {
        Ok(run!(self, bind(stmt), fetch_all).into_iter().map(Into::into).collect())
    }
}

#[async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, stmt: Statement) -> Result<ExecResult, DbErr> {
        self.execute_bound(stmt).await.map_err(driver)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.execute_text(sql).await.map_err(driver)
    }

    async fn query_one_raw(&self, stmt: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.one(stmt).await.map_err(driver)
    }

    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.all(stmt).await.map_err(driver)
    }
}
