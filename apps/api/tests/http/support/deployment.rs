use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use ward_api::config::Config;
use ward_api::{Around, Server};
use ward_testkit::{Database, Machine};

use super::{Client, Lockers, Outcome};

/// Servers outlive the test that starts them, and so need a runtime that does.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// The real service, over a database of its own.
pub(crate) struct Deployment {
    pub(crate) database: Database,
    server: Arc<Server>,
    profile: String,
    key: Vec<u8>,
    machine: Arc<Machine>,
}

/// A customer, and a client that may do everything in its name.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) client: Client,
}

impl Deployment {
    /// The one that all tests share which change nothing beyond tenants of their own.
    pub(crate) async fn shared() -> Outcome<&'static Self> {
        static SHARED: OnceCell<Deployment> = OnceCell::const_new();
        SHARED.get_or_try_init(|| Self::start("workforce")).await
    }

    /// A service of its own, with this profile.
    pub(crate) async fn start(profile: &str) -> Outcome<Self> {
        Self::over(Database::create().await?, profile, None).await
    }

    /// One to which nothing is wanting: with a place to write down who was erased, which lasts as long as this does.
    pub(crate) async fn with_a_ledger(profile: &str) -> Outcome<(Self, TempDir)> {
        let ledger = tempdir()?;
        let place = format!("file://{}", ledger.path().display());
        let settings = [("WARD_ERASURE_LEDGER", &*place), ("WARD_TENANT_KEYS", "locker:*")];
        Ok((Self::start(profile).await?.set(&settings).await?, ledger))
    }

    /// The same service, started anew with these settings beside its own.
    pub(crate) async fn set(self, settings: &[(&str, &str)]) -> Outcome<Self> {
        let (profile, key, machine) = (self.profile.clone(), self.key.clone(), self.machine.clone());
        let database = self.stop().await?;
        let (server, key) = serve(&database, &profile, Some(&key), settings, &machine).await?;
        Ok(Self { database, server: Arc::new(server), profile, key, machine })
    }

    /// The same service, over the same database with the same root key, started anew.
    pub(crate) async fn restart(self) -> Outcome<Self> {
        let profile = self.profile.clone();
        self.restart_as(&profile).await
    }

    /// The same, with another profile.
    pub(crate) async fn restart_as(self, profile: &str) -> Outcome<Self> {
        let key = self.key.clone();
        Self::over(self.stop().await?, profile, Some(key)).await
    }

    /// Rewrites what checks saw, as only the database's master can.
    pub(crate) async fn rewrite(&self, sql: &str) -> Outcome {
        let sql = format!("SET session_replication_role = replica; {sql}; RESET session_replication_role");
        self.database.run("postgres", sql).await?;
        Ok(())
    }

    /// Another replica over the same database; it ends with its handle.
    pub(crate) async fn replica(&self) -> Outcome<Replica> {
        self.replica_with(&[]).await
    }

    /// The same, with these settings beside its own.
    pub(crate) async fn replica_with(&self, settings: &[(&str, &str)]) -> Outcome<Replica> {
        let (server, _) =
            serve(&self.database, &self.profile, Some(&self.key), settings, &self.machine).await?;
        Ok(Replica(server))
    }

    async fn over(database: Database, profile: &str, key: Option<Vec<u8>>) -> Outcome<Self> {
        let machine = Arc::new(Machine::default());
        let (server, key) = serve(&database, profile, key.as_deref(), &[], &machine).await?;
        Ok(Self { database, server: Arc::new(server), profile: profile.to_owned(), key, machine })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Moves the clock of all its replicas.
    pub(crate) fn advance(&self, by: TimeDelta) {
        self.machine.advance(by);
    }

    /// What the key file held.
    pub(crate) fn root_key(&self) -> &[u8] {
        &self.key
    }

    /// A client without a credential.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(self.address(), None)
    }

    pub(crate) async fn tenant(&self, name: &str) -> Outcome<Tenant> {
        let (server, name) = (self.server.clone(), name.to_owned());
        // On the servers' runtime, as a connection that it opens stays in the server's pool.
        let founded =
            RUNTIME.spawn(async move { server.found_tenant(&name, Some("owner@example.org")).await });
        let founded = founded.await??;
        let client = Client::new(self.address(), Some(founded.api_key.expose().to_owned()));
        Ok(Tenant { id: founded.tenant.to_string(), client })
    }

    /// Waits until every check has run once; the next runs are minutes away.
    pub(crate) async fn checked(&self) -> Outcome<Value> {
        for _ in 0..600 {
            let trust = self.anonymous().get("/trust.json").await?.json();
            let claims = trust["claims"].as_array().cloned().unwrap_or_default();
            let mut proven = claims.iter().filter(|claim| claim["kind"] == "proven");
            if !claims.is_empty() && proven.all(|claim| claim["last_run"].is_string()) {
                return Ok(trust);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("the checks never ran".into())
    }

    /// Writes what was counted in memory.
    pub(crate) async fn flush(&self) -> Outcome {
        let server = self.server.clone();
        RUNTIME.spawn(async move { server.flush().await }).await?;
        Ok(())
    }

    pub(crate) async fn stop(self) -> Outcome<Database> {
        let server = Arc::into_inner(self.server).ok_or("the server is still in use")?;
        RUNTIME.spawn(server.stop()).await??;
        Ok(self.database)
    }
}

impl Tenant {
    /// A client of the same tenant with a key of these permissions.
    pub(crate) async fn with(&self, permissions: &[&str]) -> Outcome<Client> {
        Ok(self.key("live", permissions).await?.1)
    }

    /// A new key's id, and its client.
    pub(crate) async fn key(&self, mode: &str, permissions: &[&str]) -> Outcome<(String, Client)> {
        let body = json!({ "name": "Test", "mode": mode, "permissions": permissions });
        let made = self.client.post("/v1/api-keys", body).await?.expect(201)?;
        let key = made["key"].as_str().ok_or("no key")?.to_owned();
        Ok((made["id"].as_str().ok_or("no id")?.to_owned(), self.client.with_key(key)))
    }
}

/// A second server over the database of a deployment.
pub(crate) struct Replica(Server);

impl Replica {
    /// A client without a credential.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(self.0.address(), None)
    }

    pub(crate) async fn stop(self) -> Outcome {
        RUNTIME.spawn(self.0.stop()).await?
    }
}

/// Starts a server over `database`, and tells its root key.
async fn serve(
    database: &Database,
    profile: &str,
    key: Option<&[u8]>,
    more: &[(&str, &str)],
    machine: &Arc<Machine>,
) -> Outcome<(Server, Vec<u8>)> {
    if let Ok(filter) = env::var("WARD_TEST_LOG") {
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        let _set = log.try_init(); // by whichever test was first
    }
    let data = tempdir()?;
    let file = data.path().join("root.key");
    if let Some(key) = key {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?.write_all(key)?;
    }
    let settings = [
        ("WARD_LISTEN", "127.0.0.1:0".to_owned()),
        ("WARD_MODE", "development".to_owned()),
        ("WARD_PROFILE", profile.to_owned()),
        ("WARD_DATA_DIR", data.path().display().to_string()),
        ("WARD_DATABASE_URL", database.url("ward_app")),
        ("WARD_OWNER_DATABASE_URL", database.url("ward_owner")),
    ];
    let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let settings = settings.into_iter().chain(more).map(|(name, value)| (name.to_owned(), value));
    let config = Config::from_settings(settings.collect())?;
    let around = Around { machine: machine.clone(), external: Some(Lockers::all()) };
    let server = RUNTIME.spawn(Server::start_among(config, around)).await??;
    Ok((server, fs::read(&file)?)) // it is in memory now
}
