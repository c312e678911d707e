use std::str::FromStr as _;
use std::time::Duration;

use sea_orm::{ConnectionTrait as _, DbErr, DynIden, SqlxPostgresConnector};
use sea_orm_migration::sea_query::IntoIden as _;
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager, async_trait};
use sqlx::postgres::PgConnectOptions;
use ward::audit::keeping::KeptYears;

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../migrations/", $name, ".sql")))),*]
    };
}

/// The migrations, forward only, in order: each safe beside live traffic, which may have to wait for it.
const MIGRATIONS: &[(&str, &str)] = migrations![
    "0001_spine",
    "0002_narrower",
    "0003_given_up",
    "0004_reader",
    "0005_sandbox_keys",
    "0006_dated_ids",
    "0007_leaf_text",
    "0008_log",
    "0009_log_delivery",
    "0010_log_looks",
    "0011_audit_values",
    "0012_keeping",
    "0013_claims",
    "0014_log_upkeep",
    "0015_lighter_appends",
    "0016_log_guards",
    "0017_rotation",
    "0018_external_keys",
    "0019_erasure",
    "0020_key_use",
    "0021_key_probes",
    "0022_erased_only",
    "0023_key_limits",
];

/// Serialises replicas that start together.
const LOCK: &str = "SELECT pg_advisory_lock(hashtextextended('ward.migration', 0))";

/// The contents of all migrations, in order: changes whenever one does.
pub fn schema() -> Vec<&'static str> {
    MIGRATIONS.iter().map(|(_, sql)| *sql).collect()
}

/// For how many years logs are kept: who serves can't change it.
const KEEP: &str = "
    WITH forgotten AS (DELETE FROM ward.audit_keeping WHERE $1::integer IS NULL)
    INSERT INTO ward.audit_keeping (years) SELECT $1 WHERE $1 IS NOT NULL
    ON CONFLICT (one) DO UPDATE SET years = excluded.years";

/// Brings the schema up to date, as `ward_owner`, and says for how many years logs are kept; for good, if none are given. Doing it again,
/// or from two replicas at once, is harmless.
pub async fn migrate(owner_url: &str, keep: Option<KeptYears>) -> Result<(), MigrateError> {
    let options = PgConnectOptions::from_str(owner_url)?.options([("search_path", "ward")]);
    let pool = crate::pool::options().max_connections(1).acquire_timeout(Duration::from_secs(30));
    let pool = pool.connect_with(options).await?;
    let db = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
    db.execute_unprepared(LOCK).await?;
    db.execute_unprepared("CREATE SCHEMA IF NOT EXISTS ward").await?;
    Migrator::up(&db, None).await?;
    db.execute_unprepared("GRANT SELECT ON ward.migration TO ward_app").await?;
    sqlx::query(KEEP).bind(keep.map(|years| i32::from(u16::from(years)))).execute(&pool).await?;
    pool.close().await;
    Ok(())
}

/// The names of the migrations that `pool`'s database lacks; seen as `ward_app`.
pub(crate) async fn pending(pool: &sqlx::PgPool) -> Result<Vec<&'static str>, sqlx::Error> {
    let applied: Vec<String> =
        sqlx::query_scalar("SELECT version FROM ward.migration").fetch_all(pool).await?;
    let missing =
        MIGRATIONS.iter().map(|(name, _)| *name).filter(|name| !applied.iter().any(|done| done == name));
    Ok(missing.collect())
}

/// Why the schema is not up to date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The database did not answer.
    #[error("can't reach the database")]
    Unreachable(#[from] sqlx::Error),
    /// A migration failed, and left nothing.
    #[error("a migration failed")]
    Failed(#[from] DbErr),
}

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        MIGRATIONS.iter().map(|(name, sql)| Box::new(Migration { name, sql }) as _).collect()
    }

    fn migration_table_name() -> DynIden {
        "migration".into_iden()
    }
}

struct Migration {
    name: &'static str,
    sql: &'static str,
}

impl MigrationName for Migration {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, schema: &SchemaManager) -> Result<(), DbErr> {
        schema.get_connection().execute_unprepared(self.sql).await.map(drop)
    }
}
