use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;
use ward_postgres::MigrateError;
use ward_postgres::launcher::{Address, BootstrapError, LaunchError, bootstrap};

use crate::janitor;
use crate::server::server;
use crate::template::template;

/// A database of one test's own, deleted some time after it is dropped.
#[derive(Debug)]
pub struct Database {
    server: Address,
    name: String,
}

impl Database {
    /// A migrated, empty one.
    pub async fn create() -> Result<Self, CreateError> {
        let server = server()?;
        let template = template(&server).await?;
        let made = Self::named(server);
        let (name, mut root) = (&made.name, made.superuser().await?);
        // Rights on a database aren't copied with it.
        for sql in [
            format!("CREATE DATABASE {name} TEMPLATE {template} OWNER ward_owner STRATEGY file_copy"),
            format!(
                "REVOKE ALL ON DATABASE {name} FROM PUBLIC; GRANT CONNECT ON DATABASE {name} TO ward_app"
            ),
        ] {
            root.execute(AssertSqlSafe(sql)).await?;
        }
        root.close().await?;
        Ok(made)
    }

    /// One that knows the roles and no migration.
    pub async fn unmigrated() -> Result<Self, CreateError> {
        let made = Self::named(server()?);
        bootstrap(&made.server.url("postgres", "postgres"), &made.name).await?;
        Ok(made)
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How `role` reaches it: `ward_app`, `ward_owner` or the superuser `postgres`.
    pub fn url(&self, role: &str) -> String {
        self.server.url(role, &self.name)
    }

    /// A connection as `role`, around every wall that is not the server's.
    pub async fn connect(&self, role: &str) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect(&self.url(role)).await
    }

    /// Runs `sql` as `role`, and says how many rows its statements touched or found.
    pub async fn run(&self, role: &str, sql: impl Into<String>) -> Result<u64, sqlx::Error> {
        let mut connection = self.connect(role).await?;
        let done = connection.execute(AssertSqlSafe(sql.into())).await?;
        connection.close().await?;
        Ok(done.rows_affected())
    }

    fn named(server: Address) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a name that no other database has")]
        let name = format!("t_{}", Uuid::new_v4().simple());
        Self { server, name }
    }

    async fn superuser(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect(&self.server.url("postgres", "postgres")).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        janitor::sweep(&self.server, &self.name);
    }
}

/// Why a test has no database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// There is no server.
    #[error("no server for tests")]
    Launch(#[from] LaunchError),
    /// The server could not be prepared.
    #[error("the server could not be prepared")]
    Bootstrap(#[from] BootstrapError),
    /// The migrations failed.
    #[error("the schema could not be made")]
    Migrate(#[from] MigrateError),
    /// The server refused.
    #[error("the database could not be made")]
    Sql(#[from] sqlx::Error),
}
