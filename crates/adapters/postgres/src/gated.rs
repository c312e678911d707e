//! The second door: one bound autocommit statement. Beside its own arguments it is given its tenant as a `ward.reader`, a
//! type whose check names the tenant and forbids writing. Arguments are converted before the statement is planned, so the
//! database holds it to both from the start, and no transaction is ever open on this side.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgRow, PgTypeInfo};
use sqlx::query::Query;
use sqlx::{Arguments as _, AssertSqlSafe, Encode, IntoArguments as _, Postgres, Type};
use uuid::Uuid;

use crate::turns::{Leased, Shared};

#[derive(Clone, Debug)]
pub(crate) struct Gated {
    pool: Shared,
    tenant: Uuid,
}

/// The one argument that no statement names.
struct Reader(Uuid);

impl Type<Postgres> for Reader {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("ward.reader")
    }
}

impl Encode<'_, Postgres> for Reader {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <Uuid as Encode<'_, Postgres>>::encode_by_ref(&self.0, buffer)
    }
}

impl Gated {
    pub(crate) fn new(pool: Shared, tenant: Uuid) -> Self {
        Self { pool, tenant }
    }

    pub(crate) async fn fetch(&self, sql: &str, arguments: PgArguments) -> Result<Vec<PgRow>, sqlx::Error> {
        let query = self.gate(sql, arguments)?;
        query.fetch_all(&mut *self.leased().await?.conn).await
    }

    async fn leased(&self) -> Result<Leased, sqlx::Error> {
        self.pool.acquire(self.tenant).await
    }

    fn gate(
        &self,
        sql: &str,
        mut arguments: PgArguments,
    ) -> Result<Query<'static, Postgres, PgArguments>, sqlx::Error> {
        arguments.add(Reader(self.tenant)).map_err(sqlx::Error::Encode)?;
        // The driver keeps prepared statements by their text, and in a unit the same one has no reader.
        Ok(sqlx::query_with(AssertSqlSafe(format!("/* reads */ {sql}")), arguments))
    }

    fn bind(&self, stmt: Statement) -> Result<Query<'static, Postgres, PgArguments>, DbErr> {
        let values = stmt.values.unwrap_or(sea_orm::Values(vec![]));
        self.gate(&stmt.sql, SqlxValues(values).into_arguments()).map_err(driver)
    }
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
        let (query, mut leased) = (self.bind(stmt)?, self.leased().await.map_err(driver)?);
        let row = query.fetch_optional(&mut *leased.conn).await.map_err(driver)?;
        Ok(row.map(Into::into))
    }

    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let (query, mut leased) = (self.bind(stmt)?, self.leased().await.map_err(driver)?);
        let rows = query.fetch_all(&mut *leased.conn).await.map_err(driver)?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}
