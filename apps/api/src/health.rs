//! `/health` and `/ready`

use std::sync::Arc;

use poem_openapi::{Enum, Object, OpenApi};
use ward::kernel::{Operation, Requires};

use crate::app::App;
use crate::http::problem::Refused;
use crate::http::reply::Shown;
use crate::tag::Tag;

/// Says that the process runs.
pub(crate) static HEALTH: Operation = public("health", &["O3"]);
/// Says whether it serves.
pub(crate) static READY: Operation = public("ready", &["O3", "T1", "C3", "C8"]);

const fn public(id: &'static str, controls: &'static [&'static str]) -> Operation {
    Operation {
        id,
        requires: Requires::Nothing,
        events: &[],
        writes: false,
        discloses: false,
        controls,
        rate: "public",
        idempotent: false,
    }
}

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(tag = "Tag::Health")]
impl Api {
    /// Say that the process runs
    ///
    /// Answers whatever else is broken. Parameters are ignored: load balancers add some.
    #[oai(path = "/health", method = "get", operation_id = "health")]
    async fn health(&self) -> Result<Shown<Health>, Refused> {
        Ok(Shown(Health { status: Status::Ok, version: env!("CARGO_PKG_VERSION").into() }))
    }

    /// Say whether requests are served
    ///
    /// They are when the database answers, its schema is up to date, the audit log has room for what happens, the keys can be
    /// had, tenant isolation is proven, and nobody is in the database who was erased since it was backed up. Parameters are ignored.
    #[oai(path = "/ready", method = "get", operation_id = "ready")]
    async fn ready(&self) -> Result<Shown<Readiness>, Refused> {
        let database = self.0.store.ping().await.is_ok();
        let migrations = database && self.0.store.pending().await.is_ok_and(|pending| pending.is_empty());
        let log = migrations && self.0.store.has_room().await.is_ok_and(|has_room| has_room);
        let keys = migrations && self.0.store.credential_code().await.is_ok();
        let (isolation, erasures) = (self.0.gate.is_isolated(), self.0.gate.is_settled());
        let readiness = Readiness { database, migrations, log, keys, isolation, erasures };
        if readiness.lacking().is_empty() { Ok(Shown(readiness)) } else { Err(readiness.into()) }
    }
}

/// The process.
#[derive(Object)]
struct Health {
    /// How it is.
    status: Status,
    /// Which release.
    version: String,
}

/// How the process is.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum Status {
    Ok,
}

/// What serving needs.
#[derive(Object)]
struct Readiness {
    /// Whether the database answers.
    database: bool,
    /// Whether its schema is up to date.
    migrations: bool,
    /// Whether the audit log has room for this month.
    log: bool,
    /// Whether the keys can be had.
    keys: bool,
    /// Whether tenant isolation is proven.
    isolation: bool,
    /// Whether everybody is erased whom the erasure ledger says was; nothing else is known where there is none.
    erasures: bool,
}

impl Readiness {
    fn lacking(&self) -> Vec<&'static str> {
        let Self { database, migrations, log, keys, isolation, erasures } = *self;
        let parts = [
            ("database", database),
            ("migrations", migrations),
            ("log", log),
            ("keys", keys),
            ("isolation", isolation),
            ("erasures", erasures),
        ];
        parts.into_iter().filter(|(_, there)| !there).map(|(name, _)| name).collect()
    }
}

impl From<Readiness> for Refused {
    fn from(readiness: Readiness) -> Self {
        Self::unavailable("not-ready", &format!("not yet: {}", readiness.lacking().join(", ")))
    }
}
