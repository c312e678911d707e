use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::sync::OnceCell;
use ward_postgres::launcher::{Address, bootstrap};
use ward_postgres::{migrate, schema};

use crate::CreateError;

/// Processes that share a server make the template once.
const LOCK: &str = "SELECT pg_advisory_lock(4120)";

/// The database that others are copied from: empty, every migration applied. Its name tells which migrations
/// those are.
pub(crate) async fn template(server: &Address) -> Result<&'static str, CreateError> {
    static NAME: OnceCell<String> = OnceCell::const_new();
    NAME.get_or_try_init(|| make(server)).await.map(String::as_str)
}

async fn make(server: &Address) -> Result<String, CreateError> {
    let mut hash = DefaultHasher::new();
    schema().hash(&mut hash);
    let name = format!("ward_template_{:016x}", hash.finish());
    let root_url = server.url("postgres", "postgres");
    let mut root = PgConnection::connect(&root_url).await?;
    root.execute(LOCK).await?;
    let found = sqlx::query("SELECT FROM pg_database WHERE datname = $1").bind(&name);
    if found.fetch_optional(&mut root).await?.is_none() {
        // Nobody ever copies half of it; whoever finds it so goes on where it was left.
        let half = format!("{name}_half");
        bootstrap(&root_url, &half).await?;
        migrate(&server.url("ward_owner", &half), None).await?;
        root.execute(AssertSqlSafe(format!("ALTER DATABASE {half} RENAME TO {name}"))).await?;
    }
    root.close().await?;
    Ok(name)
}
