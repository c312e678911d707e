//! Settings, from the environment and from a file; checked whole, every error at once.

mod keys;
mod others;
mod sink;
#[cfg(test)]
mod tests;

pub use keys::{InvalidKeyAt, KeyAt, KeySettings};
pub use others::WitnessAt;
pub use sink::{InvalidSink, SinkAt, SinkKind};

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ward::audit::keeping::{KeptYears, TooShort};
use ward_blob::Place;
use ward_postgres::is_local;

/// What a deployment is told.
#[derive(Clone)]
pub struct Config {
    /// Where the API listens: `WARD_LISTEN`.
    pub listen: SocketAddr,
    /// Where operators are told of health and readiness alone: `WARD_ADMIN_LISTEN`.
    pub admin_listen: Option<SocketAddr>,
    /// Which database, as `ward_app`: `WARD_DATABASE_URL`. Absent: a private PostgreSQL in the data directory.
    pub database_url: Option<String>,
    /// The same, as `ward_owner`, for migrations: `WARD_OWNER_DATABASE_URL`.
    pub owner_database_url: Option<String>,
    /// How many connections at most: `WARD_DATABASE_CONNECTIONS`.
    pub connections: u32,
    /// Where a private database and a development key lie: `WARD_DATA_DIR`.
    pub data_dir: PathBuf,
    /// Which promises: `WARD_PROFILE`, a name or a file.
    pub profile: String,
    /// `WARD_MODE`: `production` unless said otherwise.
    pub mode: Mode,
    /// The root key: `WARD_ROOT_KEY_FILE`. Required in production, unless a key service holds it.
    pub root_key_file: Option<PathBuf>,
    /// Keys that key services hold.
    pub keys: KeySettings,
    /// What is logged, as `tracing` filters: `WARD_LOG`.
    pub log: String,
    /// The region this deployment stores data in: `WARD_REGION`.
    pub region: String,
    /// What the names of audit logs begin with: `WARD_LOG_ORIGIN`. A log keeps the name it was begun with.
    pub log_origin: String,
    /// Who cosigns the heads of audit logs: `WARD_WITNESSES`.
    pub witnesses: Vec<WitnessAt>,
    /// Where the heads of audit logs are put for others to see: `WARD_CHECKPOINTS`.
    pub checkpoints: Option<Place>,
    /// Where it is written down who was erased: `WARD_ERASURE_LEDGER`.
    pub erasure_ledger: Option<Place>,
    /// For how many days backups of the database are kept: `WARD_BACKUPS_KEPT_DAYS`. Absent: nobody knows.
    pub backups_kept_days: Option<u32>,
    /// For how long audit logs are kept: `WARD_LOG_KEEP_YEARS`. Absent: for good.
    pub log_keep_years: Option<KeptYears>,
    /// To whom audit logs are delivered: `WARD_LOG_SINKS`.
    pub log_sinks: Vec<SinkAt>,
}

/// How strict to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Refuses what it can't be sure of.
    Production,
    /// Makes its own key, and warns.
    Development,
}

const REMOTE: &str = "is on another machine, and what is said to it would cross the network in clear: Ward speaks no TLS to the \
                      database yet, so production takes a socket or a loopback address only";

/// What logs are called where nobody says.
const UNNAMED: &str = "localhost";

const PLACE: &str = "`file:///DIRECTORY` or `s3://BUCKET/PREFIX`";

/// How long backups may be said to be kept: a hundred years.
const MOST_DAYS: u32 = 36_525;

const NO_LEDGER: &str = "`WARD_ERASURE_LEDGER` isn't set: a backup that is restored brings back whoever was erased since it was made, and \
                         nobody will notice";

const KNOWN: [&str; 25] = [
    "WARD_LISTEN",
    "WARD_ADMIN_LISTEN",
    "WARD_DATABASE_URL",
    "WARD_OWNER_DATABASE_URL",
    "WARD_DATABASE_CONNECTIONS",
    "WARD_DATA_DIR",
    "WARD_PROFILE",
    "WARD_MODE",
    "WARD_ROOT_KEY_FILE",
    "WARD_ROOT_KEY",
    "WARD_ROOT_KEY_BESIDE",
    "WARD_PKCS11_MODULE",
    "WARD_PKCS11_PINS",
    "WARD_TENANT_KEYS",
    "WARD_LOG",
    "WARD_LOG_ORIGIN",
    "WARD_WITNESSES",
    "WARD_CHECKPOINTS",
    "WARD_ERASURE_LEDGER",
    "WARD_BACKUPS_KEPT_DAYS",
    "WARD_LOG_SINKS",
    "WARD_LOG_KEEP_YEARS",
    "WARD_REGION",
    "WARD_PG_BINDIR",
    "WARD_CONFIG",
];

impl Config {
    /// Reads the process's environment, and the file that `WARD_CONFIG` names: `key = "value"` lines (TOML), the
    /// keys as in the environment. The environment wins.
    pub fn load() -> Result<Self, ConfigErrors> {
        Self::from_environment(std::env::vars_os())
    }

    fn from_environment(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, ConfigErrors> {
        let named = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let text = |(name, value): (String, OsString)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(ConfigErrors(vec![format!("`{name}` must be UTF-8")])),
        };
        let ours = named.filter(|(name, _)| name.starts_with("WARD_"));
        Self::from_settings(ours.map(text).collect::<Result<_, _>>()?)
    }

    /// The same, of these settings.
    pub fn from_settings(mut settings: BTreeMap<String, String>) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        if let Some(file) = settings.get("WARD_CONFIG").map(PathBuf::from) {
            match read(&file) {
                Ok(table) => table.into_iter().for_each(|(name, value)| {
                    settings.entry(name).or_insert(value);
                }),
                Err(error) => errors.push(error),
            }
        }
        let unknown =
            settings.keys().filter(|name| !KNOWN.contains(&name.as_str()) && !name.starts_with("WARD_TEST_"));
        errors.extend(unknown.map(|name| format!("`{name}` is not a setting")));
        let mut parse = Parse { settings: &settings, errors };
        let config = parse.config();
        parse.check(&config);
        if parse.errors.is_empty() { Ok(config) } else { Err(ConfigErrors(parse.errors)) }
    }
}

impl Config {
    /// What is questionable, and let pass in development.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let remote = self.database_urls().filter(|(_, url)| is_local(url) == Some(false));
        let unnamed = self.mode == Mode::Production && self.log_origin == UNNAMED;
        let unnamed = unnamed
            .then(|| "`WARD_LOG_ORIGIN` isn't set: audit logs keep the name they are begun with".to_owned());
        let unledgered = self.erasure_ledger.is_none().then(|| NO_LEDGER.to_owned());
        remote.map(|(name, _)| format!("`{name}` {REMOTE}")).chain(unnamed).chain(unledgered).collect()
    }

    /// The settings that name a database.
    pub(crate) fn database_urls(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let named = [
            ("WARD_DATABASE_URL", &self.database_url),
            ("WARD_OWNER_DATABASE_URL", &self.owner_database_url),
        ];
        named.into_iter().filter_map(|(name, url)| Some((name, url.as_deref()?)))
    }
}

/// Prints nothing: among the settings are passwords.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").finish_non_exhaustive()
    }
}

struct Parse<'a> {
    settings: &'a BTreeMap<String, String>,
    errors: Vec<String>,
}

impl Parse<'_> {
    fn config(&mut self) -> Config {
        let any = SocketAddr::from(([127, 0, 0, 1], 8080));
        Config {
            listen: self.value("WARD_LISTEN", "an address and port").unwrap_or(any),
            admin_listen: self.value("WARD_ADMIN_LISTEN", "an address and port"),
            database_url: self.text("WARD_DATABASE_URL"),
            owner_database_url: self.text("WARD_OWNER_DATABASE_URL"),
            connections: self.value("WARD_DATABASE_CONNECTIONS", "a number").unwrap_or(16),
            data_dir: self.text("WARD_DATA_DIR").unwrap_or_else(|| ".ward/data".into()).into(),
            profile: self.text("WARD_PROFILE").unwrap_or_else(|| "workforce".into()),
            mode: self.mode(),
            root_key_file: self.text("WARD_ROOT_KEY_FILE").map(PathBuf::from),
            keys: self.keys(),
            log: self.text("WARD_LOG").unwrap_or_else(|| "info".into()),
            region: self.text("WARD_REGION").unwrap_or_else(|| "local".into()),
            witnesses: self.witnesses(),
            checkpoints: self.value("WARD_CHECKPOINTS", PLACE),
            erasure_ledger: self.value("WARD_ERASURE_LEDGER", PLACE),
            backups_kept_days: self.value("WARD_BACKUPS_KEPT_DAYS", "a number of days"),
            log_sinks: self.sinks(),
            log_keep_years: self.value("WARD_LOG_KEEP_YEARS", &TooShort.to_string()),
            log_origin: self.text("WARD_LOG_ORIGIN").unwrap_or_else(|| UNNAMED.into()),
        }
    }

    fn check(&mut self, config: &Config) {
        if !(2..=500).contains(&config.connections) {
            self.errors.push("`WARD_DATABASE_CONNECTIONS` must be 2 to 500".into());
        }
        self.check_keys(config);
        if config.backups_kept_days.is_some_and(|days| days > MOST_DAYS) {
            self.errors.push(format!("`WARD_BACKUPS_KEPT_DAYS` must be 0 to {MOST_DAYS}"));
        }
        if !is_origin(&config.log_origin) {
            self.errors.push(
                "`WARD_LOG_ORIGIN` must be a host name, or one and a path: letters, digits and `.-_/`".into(),
            );
        }
        if config.database_url.is_none() && config.owner_database_url.is_some() {
            self.errors.push("`WARD_OWNER_DATABASE_URL` needs `WARD_DATABASE_URL`".into());
        }
        if config.admin_listen == Some(config.listen) && config.listen.port() != 0 {
            self.errors.push("`WARD_ADMIN_LISTEN` must be another than `WARD_LISTEN`".into());
        }
        for (name, url) in config.database_urls() {
            match is_local(url) {
                None => self.errors.push(format!("`{name}` must be a URL: postgres://ROLE@HOST/DATABASE")),
                Some(false) if config.mode == Mode::Production => {
                    self.errors.push(format!("`{name}` {REMOTE}"))
                }
                Some(_) => {}
            }
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.settings.get(name).filter(|text| !text.is_empty()).cloned()
    }

    fn value<T: std::str::FromStr>(&mut self, name: &str, what: &str) -> Option<T> {
        let parsed = self.text(name)?.parse();
        if parsed.is_err() {
            self.errors.push(format!("`{name}` must be {what}"));
        }
        parsed.ok()
    }

    fn mode(&mut self) -> Mode {
        match self.text("WARD_MODE").as_deref() {
            None | Some("production") => Mode::Production,
            Some("development") => Mode::Development,
            Some(_) => {
                self.errors.push("`WARD_MODE` must be `production` or `development`".into());
                Mode::Production
            }
        }
    }
}

/// Whether a log can be called so: what stands before a tenant's id on the first line of its checkpoints.
fn is_origin(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/".contains(&byte);
    (1..=200).contains(&name.len()) && name.bytes().all(plain) && !name.ends_with('/')
}

fn read(file: &Path) -> Result<BTreeMap<String, String>, String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("`WARD_CONFIG` can't be read: {error}"))?;
    toml::from_str(&text)
        .map_err(|error| format!("`WARD_CONFIG` is not a table of strings: {}", error.message()))
}

/// Everything that is wrong with the settings; never their values.
#[derive(Debug)]
pub struct ConfigErrors(Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}
