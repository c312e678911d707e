//! Wiring: settings to adapters, adapters to ports, ports to the API; and the tasks beside it.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures::FutureExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use ward::crypto::{Keyring, Vault};
use ward::kernel::Machine;
use ward::rbac::Policy;
use ward::subject::Catalogue;
use ward::{Logs as _, Sequencer};
use ward_postgres::launcher::{self, Binaries, Cluster, Durability};
use ward_postgres::{Postgres, migrate};

use crate::app::App;
use crate::around::Around;
use crate::config::{Config, KeyAt, Mode};
use crate::gate::Gate;
use crate::import::Share;
use crate::key_services::KeyServices;
use crate::operator::Founded;
use crate::private::Private;
use crate::profile::Profile;
use crate::{endpoint, listener, operations, others, sequencing, tasks};

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
    let around = Around::default();
    open(config, KeyServices::open(config, &around.machine)?, url, around).await
}

async fn open(config: &Config, keys: KeyServices, url: &str, around: Around) -> Result<Arc<App>, Failure> {
    let ring = keyring(keys, &around)?;
    let machine = around.machine;
    let profile = Profile::load(&config.profile)?;
    let store = Postgres::open(url, config.connections, ring, profile.suite, machine.clone()).await?;
    assemble(store, profile, machine, config)
}

/// The same without a database: enough to describe what would be served.
pub(crate) fn unconnected(config: &Config) -> Result<Arc<App>, Failure> {
    let around = Around::default();
    let ring = keyring(KeyServices::unconnected(config, &around.machine)?, &around)?;
    let machine = around.machine;
    let profile = Profile::load(&config.profile)?;
    let store = Postgres::unconnected(ring, profile.suite, machine.clone());
    assemble(store, profile, machine, config)
}

fn keyring(keys: KeyServices, Around { machine, external }: &Around) -> Result<Arc<Keyring>, Failure> {
    let mut ring = Keyring::new(keys.root, machine.clone(), machine.clone(), Keyring::LONGEST, 10_000)?;
    if let Some(beside) = keys.beside {
        ring = ring.beside(beside);
    }
    Ok(Arc::new(ring.with_external(external.clone().unwrap_or(keys.brought))))
}

fn assemble(
    store: Postgres,
    profile: Profile,
    machine: Arc<dyn Machine>,
    config: &Config,
) -> Result<Arc<App>, Failure> {
    let store = Arc::new(store);
    Ok(Arc::new(App {
        credentials: store.clone(),
        sequencer: Sequencer::new(store.clone(), config.log_origin.clone(), machine.clone()),
        witnessed: others::witnessed(config, store.clone())?,
        stuck: Default::default(),
        dark: Default::default(),
        keep: config.log_keep_years,
        archived: others::archived(config)?,
        erased: others::erased(config)?,
        owing: Default::default(),
        kept_days: config.backups_kept_days,
        delivered: others::delivered(config, &*machine)?,
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
        rooted_elsewhere: config.keys.root.is_some(),
        beside_here: matches!(config.keys.beside, Some(KeyAt::File(_))),
        tenants_bring: !config.keys.tenants.is_empty(),
        canaries: Default::default(),
        unrecorded: Default::default(),
        turn: Default::default(),
        imports: Share::of(config.connections),
        exports: Default::default(),
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
    /// Starts what `config` describes: the listener, a private database if it names none, migrations, then the proof of
    /// isolation. Requests are answered from now on; where isolation is refuted, those for health alone.
    pub async fn start(config: Config) -> Result<Self, Failure> {
        Self::start_among(config, Around::default()).await
    }

    /// The same, with something else around it than this machine.
    pub async fn start_among(config: Config, around: Around) -> Result<Self, Failure> {
        // What can be refused is refused before anything is made.
        Profile::load(&config.profile)?;
        let keys = KeyServices::open(&config, &around.machine)?;
        for warning in config.warnings() {
            tracing::warn!(warning);
        }
        let (acceptor, address) = listener::bind("WARD_LISTEN", config.listen).await?;
        let database = database(&config).await?;
        if let Some(owner) = database
            .owner_url
            .as_deref()
            .filter(|_| database.cluster.is_some() || config.mode == Mode::Development)
        {
            migrate(owner, config.log_keep_years).await?;
        }
        let app = open(&config, keys, &database.app_url, around).await?;
        up_to_date(&app).await?;
        app.store.keep_months(tasks::MONTHS).await?;
        let _first = app.address.set(address);
        let endpoint = endpoint::endpoint(app.clone())?;
        let mut beside = JoinSet::new();
        if let Some(wanted) = config.admin_listen {
            listener::operators(&mut beside, &app, wanted).await?;
        }
        let (stop, stopped) = oneshot::channel::<()>();
        let served = poem::Server::new_with_acceptor(acceptor);
        let serving =
            tokio::spawn(served.run_with_graceful_shutdown(endpoint, stopped.map(drop), Some(DRAIN)));
        let mut server = Self { app, address, stop, serving, beside, cluster: database.cluster };
        if let Err(failure) = server.app.admit().await {
            server.stop().await?;
            return Err(failure);
        }
        tasks::start(&mut server.beside, &server.app);
        tracing::info!(%address, profile = server.app.profile.name, "serving");
        Ok(server)
    }

    /// Where it listens: the port is the system's choice where the settings say 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Founds a tenant with its sandbox and a first key, which may do everything that the profile allows.
    pub async fn found_tenant(&self, name: &str, owner_email: Option<&str>) -> Result<Founded, Failure> {
        self.app.found_tenant(name, owner_email).await
    }

    /// Writes what was counted in memory, rather than within the next half minute: refusals, and how keys were used.
    pub async fn flush(&self) {
        flush(&self.app).await;
    }

    /// Answers what is under way, writes what was counted, and ends.
    pub async fn stop(mut self) -> Result<(), Failure> {
        let _ended = self.stop.send(()); // it may have ended by itself
        self.serving.await??;
        tracing::info!("drained");
        self.beside.shutdown().await;
        flush(&self.app).await;
        sequencing::sweep(&self.app).await?;
        self.app.store.close().await;
        if let Some(cluster) = self.cluster {
            cluster.stop().await?;
        }
        Ok(())
    }
}

async fn flush(app: &App) {
    tasks::flush(app, app.clock().now() + MINUTE).await;
}

async fn up_to_date(app: &App) -> Result<(), Failure> {
    let missing = match app.store.pending().await {
        Ok(pending) if pending.is_empty() => return Ok(()),
        Ok(pending) => pending.join(", "),
        Err(_) => "all of them".to_owned(),
    };
    Err(format!("the database lacks migrations ({missing}): run `ward-api migrate`").into())
}

/// Serves until `stop`, then drains. Where `stop` comes before anything is served, what was started is stopped.
pub(crate) async fn serve(config: Config, stop: impl Future<Output = ()>) -> Result<(), Failure> {
    let mut stop = pin!(stop);
    let mut server = tokio::select! {
        server = Server::start(config) => server?,
        () = &mut stop => return Ok(()),
    };
    tokio::select! {
        () = &mut stop => {}
        ended = &mut server.serving => return Ok(ended??),
    }
    server.stop().await
}

/// Resolves at the first SIGINT or SIGTERM from now on.
pub(crate) fn signalled() -> std::io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
