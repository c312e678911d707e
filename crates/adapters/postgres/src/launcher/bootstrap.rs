use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection};

/// Two at once would trip over each other's roles.
const ALONE: &str = "SELECT pg_advisory_lock(4119)";

/// Attributes are set whether or not the role is new, so that none it was given by hand survives. What the server refuses
/// `ward_app` isn't logged: Ward does so itself, and the checks of isolation have it refused a thousand times.
const ROLES: &str = "
    DO $$ BEGIN
        IF to_regrole('ward_owner') IS NULL THEN CREATE ROLE ward_owner; END IF;
        IF to_regrole('ward_app') IS NULL THEN CREATE ROLE ward_app; END IF;
    END $$;
    ALTER ROLE ward_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
    ALTER ROLE ward_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT;
    ALTER ROLE ward_app SET log_min_messages = log";

/// A large object belongs to no tenant: what makes one, or reaches into one, is everybody's in a new database.
const CLOSED: &str = "
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea), lo_open(oid, integer),
        lo_get(oid), lo_get(oid, bigint, integer), lo_put(oid, bigint, bytea) FROM PUBLIC";

/// Why a server was not made ready for Ward.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// Would be part of SQL as it stands.
    #[error("a database can't be named `{0}`: only small letters, digits and `_`")]
    Name(String),
    /// The server refused.
    #[error("the server could not be prepared")]
    Sql(#[from] sqlx::Error),
}

/// Makes a server ready for Ward, as its superuser: the roles `ward_owner` and `ward_app`, and `database`,
/// owned by the one, open to the other and closed to everybody else. Changes nothing the second time.
pub async fn bootstrap(superuser_url: &str, database: &str) -> Result<(), BootstrapError> {
    if database.is_empty() || !database.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
        return Err(BootstrapError::Name(database.to_owned()));
    }
    let server: PgConnectOptions = superuser_url.parse()?;
    let mut root = server.connect().await?;
    root.execute(ALONE).await?;
    root.execute(ROLES).await?;
    let found = sqlx::query("SELECT FROM pg_database WHERE datname = $1").bind(database);
    if found.fetch_optional(&mut root).await?.is_none() {
        root.execute(AssertSqlSafe(format!("CREATE DATABASE {database} OWNER ward_owner"))).await?;
    }
    enclose(&mut root, database).await?;
    let mut inside = server.database(database).connect().await?;
    inside.execute(CLOSED).await?;
    inside.close().await?;
    root.close().await?;
    Ok(())
}

/// Rights on a database are its own: a copy doesn't inherit them.
async fn enclose(root: &mut PgConnection, database: &str) -> Result<(), sqlx::Error> {
    let sql = format!(
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC;
         GRANT CONNECT ON DATABASE {database} TO ward_app"
    );
    root.execute(AssertSqlSafe(sql)).await.map(drop)
}
