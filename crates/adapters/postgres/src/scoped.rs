//! The first wall, for what the ORM can't say: a statement whose `$1` is always the tenant.

use sqlx::postgres::{PgArguments, PgRow, PgTypeInfo};
use sqlx::{Arguments as _, Encode, Postgres, Type};
use uuid::Uuid;
use ward::kernel::StoreError;

use crate::connection::Connection;
use crate::error::failed;
use crate::gated::Gated;
use crate::turns::Shared;

pub(crate) struct Scoped {
    sql: &'static str,
    arguments: PgArguments,
    broken: bool,
}

impl Scoped {
    /// `sql` names its tenant as `$1` on every tenant's table; the plans of all show that (`predicate.rs`).
    pub(crate) fn new(tenant: Uuid, sql: &'static str) -> Self {
        Self { sql, arguments: PgArguments::default(), broken: false }.bind(tenant)
    }

    pub(crate) fn bind<'q, T: Encode<'q, Postgres> + Type<Postgres> + 'q>(mut self, value: T) -> Self {
        self.broken |= self.arguments.add(value).is_err();
        self
    }

    pub(crate) async fn within(self, connection: &Connection) -> Result<Vec<PgRow>, StoreError> {
        let (sql, arguments) = self.whole()?;
        connection.fetch(sqlx::query_with(sql, arguments)).await.map_err(failed)
    }

    pub(crate) async fn through(self, gate: &Gated) -> Result<Vec<PgRow>, StoreError> {
        let (sql, arguments) = self.whole()?;
        gate.fetch(sql, arguments).await.map_err(failed)
    }

    /// Autocommitted as it stands: for the one statement that sets its tenant itself.
    pub(crate) async fn alone(self, pool: &Shared, tenant: Uuid) -> Result<Vec<PgRow>, StoreError> {
        let (sql, arguments) = self.whole()?;
        let mut leased = pool.acquire(tenant).await.map_err(failed)?;
        sqlx::query_with(sql, arguments).fetch_all(&mut *leased.conn).await.map_err(failed)
    }

    fn whole(self) -> Result<(&'static str, PgArguments), StoreError> {
        if self.broken {
            let kind = PgTypeInfo::with_name("unknown");
            return Err(failed(sqlx::Error::Encode(
                format!("an argument of {kind:?} can't be encoded").into(),
            )));
        }
        Ok((self.sql, self.arguments))
    }
}
