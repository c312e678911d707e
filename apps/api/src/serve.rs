//! Wiring: settings to adapters, adapters to ports, ports to the API; and the tasks beside it.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures::FutureExt as _;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use ward::crypto::{Keyring, LocalKeys, RootKey, Vault};
use ward::rbac::Policy;
use ward::subject::Catalogue;
use ward_postgres::launcher::{self, Binaries, Cluster, Durability};
use ward_postgres::prover::Verdict;
use ward_postgres::{Postgres, migrate};

use crate::app::App;
use crate::config::{Config, Mode};
use crate::gate::{Gate, State};
use crate::machine::System;
use crate::operator::Founded;
use crate::private::Private;
use crate::profile::Profile;
use crate::{endpoint, listener, operations, root_key, tasks};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const DRAIN: Duration = Duration::from_secs(20);
/// Refusals are counted by the minute; the last one ends with the service.
const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// A database to serve from, private or not.
pub(crate) struct Database {
    pub(crate) app_url: String,
    pub(crate) owner_url: Option<String>,
    /// Runs as long as this does, if it is ours.
    cluster: Option<Private>,
}

/// Finds the database, or starts a private one.
pub(crate) async fn database(config: &Config) -> Result<Database, Failure> {
    if let Some(app_url) = config.database_url.clone() {
        return Ok(Database { app_url, owner_url: config.owner_database_url.clone(), cluster: None });
    }
    let data = config.data_dir.join("postgres");
    std::fs::create_dir_all(&config.data_dir)?;
    let chosen = std::env::var_os("WARD_PG_BINDIR");
    let binaries = Binaries::find(&data, chosen.as_deref().map(Path::new))?;
    let cluster =
        tokio::task::spawn_blocking(move || Cluster::start(&binaries, &data, Durability::Full)).await??;
    launcher::bootstrap(&cluster.url("postgres", "postgres"), "ward").await?;
    let url = |role| cluster.url(role, "ward");
    Ok(Database {
        app_url: url("ward_app"),
        owner_url: Some(url("ward_owner")),
        cluster: Some(Private::watched(cluster)),
    })
}

/// Reaches the private database of a server that runs already, or the one that the settings name.
pub(crate) fn running_database(config: &Config) -> Result<String, Failure> {
    if let Some(url) = config.database_url.clone() {
        return Ok(url);
    }
    let address = launcher::attach(&config.data_dir.join("postgres"))?;
    let address =
        address.ok_or("no private database runs in the data directory: start `ward-api serve` first")?;
    Ok(address.url("ward_app", "ward"))
}

/// Everything that a handler may need, over the database at `url`.
pub(crate) async fn app(config: &Config, url: &str) -> Result<Arc<App>, Failure> {
    open(config, root_key::load(config, &System)?, url).await
}

async fn open(config: &Config, root: RootKey, url: &str) -> Result<Arc<App>, Failure> {
    let machine = Arc::new(System);
    let ring = keyring(root, &machine)?;
    let profile = Profile::load(&config.profile)?;
    let store = Postgres::open(url, config.connections, ring, profile.suite, machine.clone()).await?;
    assemble(store, profile, machine, config)
}

/// The same without a database: enough to describe what would be served.
pub(crate) fn unconnected(config: &Config) -> Result<Arc<App>, Failure> {
    let machine = Arc::new(System);
    let ring = keyring(RootKey::random(&*machine)?, &machine)?;
    let profile = Profile::load(&config.profile)?;
    let store = Postgres::unconnected(ring, profile.suite, machine.clone());
    assemble(store, profile, machine, config)
}

fn keyring(root: RootKey, machine: &Arc<System>) -> Result<Arc<Keyring>, Failure> {
    let service = Arc::new(LocalKeys::new(root, machine.clone()));
    Ok(Arc::new(Keyring::new(service, machine.clone(), machine.clone(), TimeDelta::seconds(60), 10_000)?))
}

fn assemble(
    store: Postgres,
    profile: Profile,
    machine: Arc<System>,
    config: &Config,
) -> Result<Arc<App>, Failure> {
    let store = Arc::new(store);
    Ok(Arc::new(App {
        credentials: store.clone(),
        store,
        vault: Vault::new(machine.clone()),
        policy: Policy::compile(operations::TABLE, &profile.roles)?,
        profile,
        catalogue: Catalogue::standard(),
        machine,
        mode: config.mode,
        region: config.region.clone(),
        refusals: Default::default(),
        usage: Default::default(),
        gate: Gate::default(),
        canaries: Default::default(),
        turn: Default::default(),
        routes: Default::default(),
        document: Default::default(),
        address: Default::default(),
    }))
}

/// A deployment that serves, and everything that runs beside its requests. [`stop`](Self::stop) ends it well: dropped,
/// it ends with its runtime.
pub struct Server {
    app: Arc<App>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
    beside: JoinSet<()>,
    cluster: Option<Private>,
}

impl Server {
    /// Starts what `config` describes: a private database if it names none, migrations, the proof of isolation, then
    /// the listener. Requests are answered from now on.
    pub async fn start(config: Config) -> Result<Self, Failure> {
        // What can be refused is refused before anything is made.
        Profile::load(&config.profile)?;
        let root = root_key::load(&config, &System)?;
        for warning in config.warnings() {
            tracing::warn!(warning);
        }
        let database = database(&config).await?;
        if let Some(owner) = database
            .owner_url
            .as_deref()
            .filter(|_| database.cluster.is_some() || config.mode == Mode::Development)
        {
            migrate(owner).await?;
        }
        let app = open(&config, root, &database.app_url).await?;
        admit(&app).await?;
        app.prepare().await?;
        tasks::plan(&app).await?;
        let endpoint = endpoint::endpoint(app.clone())?;
        let (acceptor, address) = listener::bind("WARD_LISTEN", config.listen).await?;

        let mut beside = JoinSet::new();
        if let Some(wanted) = config.admin_listen {
            listener::operators(&mut beside, &app, wanted).await?;
        }
        tasks::start(&mut beside, app.clone(), address);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = poem::Server::new_with_acceptor(acceptor);
        let stopped = stopped.map(drop);
        let serving = tokio::spawn(served.run_with_graceful_shutdown(endpoint, stopped, Some(DRAIN)));
        tracing::info!(%address, profile = app.profile.name, "serving");
        Ok(Self { app, address, stop, serving, beside, cluster: database.cluster })
    }

    /// Where it listens: the port is the system's choice where the settings say 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Founds a tenant with its sandbox and a first key, which may do everything that the profile allows.
    pub async fn found_tenant(&self, name: &str, owner_email: Option<&str>) -> Result<Founded, Failure> {
        self.app.found_tenant(name, owner_email).await
    }

    /// Answers what is under way, writes what was counted, and ends.
    pub async fn stop(mut self) -> Result<(), Failure> {
        let _ended = self.stop.send(()); // it may have ended by itself
        self.serving.await??;
        tracing::info!("drained");
        self.beside.shutdown().await;
        tasks::flush(&self.app, self.app.clock().now() + MINUTE).await;
        self.app.store.close().await;
        if let Some(cluster) = self.cluster {
            cluster.stop().await?;
        }
        Ok(())
    }
}

/// Serves until `stop`, then drains.
pub(crate) async fn serve(config: Config, stop: impl Future<Output = ()>) -> Result<(), Failure> {
    let mut server = Server::start(config).await?;
    tokio::select! {
        () = stop => {}
        ended = &mut server.serving => return Ok(ended??),
    }
    server.stop().await
}

/// Opens the gate if isolation is proven. Where it is refuted `/health` answers, and nothing else is served.
async fn admit(app: &App) -> Result<(), Failure> {
    let verdict = app.store.proof().await?.verdict();
    match &verdict {
        Verdict::Proven => app.gate.set(State::Open),
        Verdict::Degraded(reason) if app.mode == Mode::Production => {
            return Err(format!("production refuses this database server: {reason}").into());
        }
        Verdict::Degraded(reason) => {
            tracing::warn!(reason, "tenant isolation is in doubt: do not keep real data here");
            app.gate.set(State::Open);
        }
        Verdict::Refuted(findings) => {
            app.gate.set(State::Refuted);
            for finding in findings {
                tracing::error!(%finding, "tenant isolation is not proven: nothing is served");
            }
        }
    }
    Ok(())
}

/// Resolves at SIGINT or SIGTERM.
pub(crate) async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
