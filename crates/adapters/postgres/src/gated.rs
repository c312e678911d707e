//! The second door: one bound autocommit statement. The tenant is set by a gating qual without columns, which the
//! executor tests before it pulls the first row of the real query, so no transaction is ever open on this side.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Value};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::connection::bind;

#[derive(Clone, Debug)]
pub(crate) struct Gated {
    pool: PgPool,
    tenant: Uuid,
}

impl Gated {
    pub(crate) fn new(pool: PgPool, tenant: Uuid) -> Self {
        Self { pool, tenant }
    }

    /// Runs `sql`, whose `$1` is the tenant.
    pub(crate) async fn fetch(&self, sql: &str, arguments: PgArguments) -> Result<Vec<PgRow>, sqlx::Error> {
        let gated = gate(sql, "$1::uuid");
        sqlx::query_with(AssertSqlSafe(gated), arguments).fetch_all(&self.pool).await
    }

    fn wrap(&self, mut stmt: Statement) -> Statement {
        let values = &mut stmt.values.get_or_insert(sea_orm::Values(vec![])).0;
        values.push(Value::from(self.tenant));
        stmt.sql = gate(&stmt.sql, &format!("${}::uuid", values.len()));
        stmt
    }
}

fn gate(sql: &str, tenant: &str) -> String {
    format!(
        "SELECT q.* FROM ({sql}) q WHERE (SELECT set_config('ward.tenant', ({tenant})::text, true)) IS NOT NULL"
    )
}

fn driver(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

fn only_reads() -> DbErr {
    DbErr::Custom("a gated connection only reads".into())
}

#[async_trait]
impl ConnectionTrait for Gated {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, _: Statement) -> Result<ExecResult, DbErr> {
        Err(only_reads())
    }

    async fn execute_unprepared(&self, _: &str) -> Result<ExecResult, DbErr> {
        Err(only_reads())
    }

    async fn query_one_raw(&self, stmt: Statement) -> Result<Option<QueryResult>, DbErr> {
        let row = bind(self.wrap(stmt)).fetch_optional(&self.pool).await.map_err(driver)?;
        Ok(row.map(Into::into))
    }

    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let rows = bind(self.wrap(stmt)).fetch_all(&self.pool).await.map_err(driver)?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}
