use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;
use ward::audit::{self, RecordError, Writer};
use ward::crypto::{KeyError, Keyring, StoredKeys, Suite, TenantKeys};
use ward::kernel::{Entity, Machine, Operation, Principal, Requires, StoreError, TenantId, authority};
use ward::rbac::{Denied, Permit};
use ward::{ADD_KEYS, ROTATION_STARTED, ROTATOR, Reading, Store, Unit};

use crate::connection::Connection;
use crate::error::failed;
use crate::gated::Gated;
use crate::group::Group;
use crate::keys::Loaded;
use crate::reading::PgReading;
use crate::scoped::Scoped;
use crate::turns::Shared;
use crate::unit::PgUnit;
use crate::{keys, lookup, pool};

/// A pool that is reached only through a tenant's unit or reading.
#[derive(Clone)]
pub struct Postgres {
    pub(crate) pool: PgPool,
    pub(crate) shared: Shared,
    group: Group,
    keyring: Arc<Keyring>,
    suite: Suite,
    machine: Arc<dyn Machine>,
}

/// Whether isolation would not bind this role, or one it can become.
const UNCONFINED: &str = "
    SELECT EXISTS (SELECT FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER') AND (
        r.rolsuper OR r.rolbypassrls OR EXISTS (
            SELECT FROM pg_class c WHERE c.relnamespace = to_regnamespace('ward') AND c.relowner = r.oid)))";

/// Nobody waits for ever: not for a row, not for a statement, not for a client that went away. Nor for code to be compiled: to the
/// planner every month of the log may be read, and a statement that reads none of most isn't worth seconds.
const LIMITS: [(&str, &str); 4] = [
    ("statement_timeout", "30s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "60s"),
    ("jit", "off"),
];

impl Postgres {
    /// Connects as `ward_app`, and refuses a role that could step around row-level security. New tenants' keys are
    /// made for `suite`.
    pub async fn open(
        url: &str,
        connections: u32,
        keyring: Arc<Keyring>,
        suite: Suite,
        machine: Arc<dyn Machine>,
    ) -> Result<Self, OpenError> {
        let options = PgConnectOptions::from_str(url)?.options(LIMITS).application_name("ward");
        let pooled = pool::options()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(10))
            // A ping on every acquire would be a round trip more on every statement.
            .test_before_acquire(false);
        let pool = pooled.clone().connect_with(options).await?;
        let shared = Shared::new(pool.clone(), &pooled);
        let unconfined: bool = sqlx::query_scalar(UNCONFINED).fetch_one(&pool).await?;
        if unconfined {
            Err(OpenError::Unconfined)
        } else {
            Ok(Self { group: Group::new(shared.clone()), pool, shared, keyring, suite, machine })
        }
    }

    /// A store without a database, to describe what would be served; whatever it is asked fails.
    pub fn unconnected(keyring: Arc<Keyring>, suite: Suite, machine: Arc<dyn Machine>) -> Self {
        let nowhere = PgConnectOptions::new_without_pgpass().socket("/nowhere");
        let pooled = pool::options().acquire_timeout(Duration::from_secs(1));
        let pool = pooled.clone().connect_lazy_with(nowhere);
        let shared = Shared::new(pool.clone(), &pooled);
        Self { group: Group::new(shared.clone()), pool, shared, keyring, suite, machine }
    }

    /// Like [`Store::begin`], for a product team that has tables of its own.
    pub async fn unit(&self, permit: Permit) -> Result<PgUnit, StoreError> {
        let keys = self.lent(permit.tenant(), permit.operation()).await?;
        self.open_unit(self.writer(permit.principal().clone(), permit.operation()), keys).await
    }

    /// Like [`Store::read`], for a product team that has tables of its own.
    pub async fn reading(&self, permit: Permit) -> Result<PgReading, StoreError> {
        let keys = self.lent(permit.tenant(), permit.operation()).await?;
        let writer = self.writer(permit.principal().clone(), permit.operation());
        Ok(PgReading::new(self.shared.clone(), self.group.clone(), keys, self.machine.clone(), writer))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query(AssertSqlSafe("SELECT 1".to_owned())).execute(&self.pool).await.map_err(failed).map(drop)
    }

    /// Whether the log has room for what happens this month.
    pub async fn has_room(&self) -> Result<bool, StoreError> {
        let room = "SELECT EXISTS (SELECT FROM ward.months() m WHERE m.month = date_trunc('month', now() AT TIME ZONE 'UTC'))";
        sqlx::query_scalar(room).fetch_one(&self.pool).await.map_err(failed)
    }

    /// Whether the tenant was founded.
    pub async fn is_founded(&self, tenant: TenantId) -> Result<bool, StoreError> {
        let gate = Gated::new(self.shared.clone(), tenant.into());
        let found = Scoped::new(tenant.into(), "SELECT tenant FROM ward.tenant WHERE tenant = $1");
        Ok(!found.through(&gate).await?.is_empty())
    }

    /// The migrations that the database lacks.
    pub async fn pending(&self) -> Result<Vec<&'static str>, StoreError> {
        crate::migrate::pending(&self.pool).await.map_err(failed)
    }

    /// The same database under other keys: what opens nothing under the right ones must open nothing at all.
    pub fn under(&self, keyring: Arc<Keyring>) -> Self {
        Self { keyring, ..self.clone() }
    }

    /// Closes every connection, after the statements under way.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The keyed code by which credentials are stored: the deployment's, since no tenant is known by then.
    pub async fn credential_code(&self) -> Result<impl Fn(&[u8]) -> [u8; 32] + use<>, StoreError> {
        let keys = self.keys(TenantId::DEPLOYMENT).await?;
        Ok(move |text: &[u8]| keys.api_key().digest(text))
    }

    /// The codes under one of which a credential was stored, that of [`credential_code`](Self::credential_code) first.
    pub async fn credential_codes(&self) -> Result<impl Fn(&[u8]) -> Vec<[u8; 32]> + use<>, StoreError> {
        let keys = self.keys(TenantId::DEPLOYMENT).await?;
        Ok(move |text: &[u8]| keys.api_key().digests(text))
    }

    /// Tenants' keys, as far as they are kept here.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Drops the keys that have been held for long enough. Until then they lie in memory, lent to nobody: to be called every second.
    pub fn sweep_keys(&self) {
        self.keyring.sweep();
    }

    /// Adds how many messages were sealed here to what the database counts, so that a key is followed before it sealed too many; to be
    /// called every half minute. A process that dies doesn't tell what it sealed since.
    pub async fn count_sealings(&self) -> Result<(), StoreError> {
        let sealings = self.keyring.take_sealings();
        if sealings.is_empty() {
            return Ok(());
        }
        let tenants: Vec<_> = sealings.iter().map(|of| Uuid::from(of.tenant)).collect();
        let keys: Vec<_> = sealings.iter().map(|of| i64::from(u32::from(of.key))).collect();
        let counts: Vec<_> = sealings.iter().map(|of| of.messages.cast_signed()).collect();
        let count =
            sqlx::query("SELECT ward.count_messages($1, $2, $3)").bind(tenants).bind(keys).bind(counts);
        let counted = count.execute(&self.pool).await;
        if counted.is_err() {
            self.keyring.give_back(&sealings);
        }
        counted.map(drop).map_err(failed)
    }

    /// The keys of `tenant`, from the cache where they are fresh.
    pub(crate) async fn keys(&self, tenant: TenantId) -> Result<Arc<TenantKeys>, StoreError> {
        match self.keyring.cached(tenant) {
            Some(keys) => Ok(keys),
            None => self.load_keys(tenant).await,
        }
    }

    /// The keys of `tenant`, for an operation. Where one of them is spent, for nothing but what has another follow it.
    async fn lent(&self, tenant: TenantId, operation: &Operation) -> Result<Arc<TenantKeys>, StoreError> {
        let keys = self.keys(tenant).await?;
        match keys.spent() {
            Some(spent) if !has_others_follow(operation) => Err(keys::unavailable(KeyError::Spent(spent))),
            _ => Ok(keys),
        }
    }

    async fn load_keys(&self, tenant: TenantId) -> Result<Arc<TenantKeys>, StoreError> {
        let stored = match keys::load(&self.shared, &self.keyring, tenant).await? {
            Loaded::Whole(keys) => return Ok(keys),
            Loaded::Fewer(stored) => stored,
        };
        self.add_keys(tenant, &stored).await?;
        match keys::load(&self.shared, &self.keyring, tenant).await? {
            Loaded::Whole(keys) => Ok(keys),
            Loaded::Fewer(_) => Err(StoreError::Raced("the tenant's missing keys were not stored".into())),
        }
    }

    /// Makes the keys that a tenant was founded too early to have. Of several that do so one finds their ids free; the others
    /// wait until it has committed, and use what it stored.
    async fn add_keys(&self, tenant: TenantId, stored: &StoredKeys) -> Result<(), StoreError> {
        let (keys, made) = keys::complete(&self.keyring, tenant, stored).await?;
        #[expect(clippy::disallowed_methods, reason = "nothing else is written, and nobody asked for it")]
        let who = Arc::new(authority::system(tenant, ward::KEY_MAKER));
        let unit = self.open_unit(self.writer(who, &ADD_KEYS), keys).await?;
        if keys::keep(&unit, &made).await?.len() != made.len() {
            return Ok(());
        }
        match unit.commit(ward::keys_added(tenant, made.iter().map(|key| key.purpose))).await {
            Ok(_) => Ok(()),
            Err(RecordError::Store(error)) => Err(error),
            Err(error) => Err(StoreError::Failed(Box::new(error))),
        }
    }

    fn writer(&self, who: Arc<Principal>, operation: &'static Operation) -> Writer {
        Writer { unit: self.machine.next().into(), who, operation }
    }

    async fn open_unit(&self, writer: Writer, keys: Arc<TenantKeys>) -> Result<PgUnit, StoreError> {
        let (tenant, writes) = (writer.tenant().into(), writer.operation.writes);
        let conn = Connection::open(&self.shared, tenant, writes).await.map_err(failed)?;
        Ok(PgUnit::new(conn, keys, self.machine.clone(), writer))
    }
}

fn has_others_follow(operation: &Operation) -> bool {
    operation.requires == Requires::Job(ROTATOR) || operation.events.contains(&ROTATION_STARTED)
}

#[async_trait]
impl Store for Postgres {
    async fn begin(&self, permit: Permit) -> Result<Box<dyn Unit>, StoreError> {
        Ok(Box::new(self.unit(permit).await?))
    }

    async fn found(&self, permit: Permit) -> Result<Box<dyn Unit>, StoreError> {
        let (keys, wrapped) = keys::make(&self.keyring, permit.tenant(), self.suite).await?;
        let unit = self.open_unit(self.writer(permit.principal().clone(), permit.operation()), keys).await?;
        if keys::keep(&unit, &wrapped).await?.len() != wrapped.len() {
            return Err(StoreError::Taken { constraint: "wrapped_key_pkey".into() });
        }
        lookup::register(&unit).await?;
        Ok(Box::new(unit))
    }

    async fn read(&self, permit: Permit) -> Result<Box<dyn Reading>, StoreError> {
        Ok(Box::new(self.reading(permit).await?))
    }

    async fn refuse(&self, denied: &Denied) -> Result<(), StoreError> {
        let keys = self.lent(denied.principal().tenant(), denied.operation()).await?;
        let writer = self.writer(denied.principal().clone(), denied.operation());
        let mut log = PgReading::new(
            self.shared.clone(),
            self.group.clone(),
            keys,
            self.machine.clone(),
            writer.clone(),
        );
        let (entity, reason): (Entity, _) = (denied.entity(), denied.reason().as_str());
        #[expect(clippy::disallowed_methods, reason = "nothing else is written")]
        audit::refuse(&mut log, &*self.machine, &writer, entity, reason).await.map(drop)
    }
}

/// Why the database was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It did not answer.
    #[error("can't reach the database")]
    Unreachable(#[from] sqlx::Error),
    /// The role would see every tenant.
    #[error("the database role is, or may become, a superuser, BYPASSRLS or the schema's owner")]
    Unconfined,
}
