use std::sync::Arc;

use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use ward::kernel::{Ids as _, Operation, Principal, TenantId, authority};
use ward::rbac::{Permit, Policy};
use ward_postgres::Postgres;
use ward_testkit::{Database, Machine, durable_server, found, open};

use crate::Outcome;

/// As many as clients at most, so that nobody waits for one.
pub(crate) const CONNECTIONS: u32 = 16;

/// A database on a server that keeps what it acknowledges; nobody else is on it.
pub(crate) async fn database() -> Outcome<Database> {
    durable_server()?;
    Ok(Database::create().await?)
}

/// Connections to it without Ward, handed out just as Ward's are.
pub(crate) async fn bare(db: &Database) -> Outcome<PgPool> {
    let options = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
    Ok(options.connect(&db.url("ward_app")).await?)
}

/// Ward over a database, a tenant, somebody who may do everything, and the same database without Ward.
pub(crate) struct World {
    pub(crate) store: Postgres,
    pub(crate) machine: Arc<Machine>,
    pub(crate) tenant: TenantId,
    pub(crate) bare: DatabaseConnection,
    pub(crate) db: Database,
    policy: Policy,
    who: Arc<Principal>,
}

impl World {
    /// `tables` is run as the schema's owner; `table` is what can be done.
    pub(crate) async fn create(tables: &str, table: &[&'static Operation]) -> Outcome<Self> {
        let (db, machine) = (database().await?, Arc::new(Machine::default()));
        db.run("ward_owner", tables).await?;
        let store = open(&db.url("ward_app"), CONNECTIONS, &machine).await?;
        let tenant = found(&store, &machine).await?;
        let policy = Policy::compile(table, &[])?;
        let grants = policy.grants(policy.permissions().iter().copied()).0;
        #[expect(clippy::disallowed_methods, reason = "nobody has to log in here")]
        let who = Arc::new(authority::user(tenant, machine.next().into(), vec!["owner".into()], grants));
        let bare = SqlxPostgresConnector::from_sqlx_postgres_pool(bare(&db).await?);
        Ok(Self { store, machine, tenant, bare, db, policy, who })
    }

    /// The policy's yes, asked for anew each time, as a request does.
    pub(crate) fn permit(&self, operation: &'static Operation) -> Outcome<Permit> {
        Ok(self.policy.permit(&self.who, operation).map_err(|denied| denied.to_string())?)
    }
}

/// Ward over a database, and tenants with somebody in each who may do everything.
pub(crate) struct Tenants {
    pub(crate) store: Postgres,
    pub(crate) machine: Arc<Machine>,
    pub(crate) db: Database,
    policy: Policy,
    people: Vec<Arc<Principal>>,
}

impl Tenants {
    pub(crate) async fn create(tables: &str, table: &[&'static Operation], count: usize) -> Outcome<Self> {
        let (db, machine) = (database().await?, Arc::new(Machine::default()));
        db.run("ward_owner", tables).await?;
        let store = open(&db.url("ward_app"), CONNECTIONS, &machine).await?;
        let policy = Policy::compile(table, &[])?;
        let grants = policy.grants(policy.permissions().iter().copied()).0;
        let mut people = Vec::new();
        for _ in 0..count {
            let tenant = found(&store, &machine).await?;
            #[expect(clippy::disallowed_methods, reason = "nobody has to log in here")]
            let who = authority::user(tenant, machine.next().into(), vec!["owner".into()], grants);
            people.push(Arc::new(who));
        }
        Ok(Self { store, machine, db, policy, people })
    }

    /// The policy's yes to somebody in the tenant of that number.
    pub(crate) fn permit(&self, tenant: usize, operation: &'static Operation) -> Outcome<Permit> {
        let who = self.people.get(tenant).ok_or("no such tenant")?;
        Ok(self.policy.permit(who, operation).map_err(|denied| denied.to_string())?)
    }

    /// Which tenant that is.
    pub(crate) fn id(&self, tenant: usize) -> Option<TenantId> {
        self.people.get(tenant).map(|who| who.tenant())
    }
}
