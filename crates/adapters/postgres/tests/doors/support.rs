//! What every test here needs: a database, a store over it, tenants, and somebody who may do things.

use std::sync::Arc;

use chrono::TimeDelta;
use ward::audit::Event;
use ward::audit::keeping::PRUNE_LOG;
use ward::crypto::{Keyring, LocalKeys, RootKey, Suite};
use ward::kernel::{
    Action, Ids as _, Operation, Principal, Requires, StoreError, SubjectId, TenantId, Text, Uuid, authority,
};
use ward::rbac::{Denied, Permit, Policy};
use ward::tenancy::{self, Founding, TENANT_FOUNDED};
use ward::{ROTATE_LOG_KEY, Store as _, Unit};
use ward_postgres::Postgres;
use ward_testkit::{Database, Machine};

pub(crate) const WROTE: Action = Action::new("note.stored");
pub(crate) const READ: Action = Action::new("note.disclosed");

const fn operation(
    id: &'static str,
    requires: Requires,
    events: &'static [Action],
    writes: bool,
) -> Operation {
    Operation {
        id,
        requires,
        events,
        writes,
        discloses: !writes,
        controls: &[],
        rate: "test",
        idempotent: true,
    }
}
pub(crate) static FOUND: Operation = operation("found", Requires::Job("test"), &[TENANT_FOUNDED], true);
pub(crate) static WRITE: Operation = operation("write", Requires::Permission("notes.write"), &[WROTE], true);
pub(crate) static LOOK: Operation = operation("look", Requires::Permission("notes.read"), &[READ], false);

pub(crate) struct World {
    pub(crate) db: Database,
    pub(crate) store: Postgres,
    pub(crate) machine: Arc<Machine>,
    policy: Policy,
}

pub(crate) fn keyring(machine: &Arc<Machine>, root: u8) -> Arc<Keyring> {
    let root = RootKey::parse(
        format!("{root:02x}0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f").as_bytes(),
    );
    let service = Arc::new(LocalKeys::new(root.unwrap(), machine.clone()));
    Arc::new(Keyring::new(service, machine.clone(), machine.clone(), TimeDelta::seconds(60), 100).unwrap())
}

pub(crate) async fn open(
    db: &Database,
    role: &str,
    connections: u32,
    machine: &Arc<Machine>,
) -> Result<Postgres, ward_postgres::OpenError> {
    let (ring, suite) = (keyring(machine, 7), Suite::XChaCha20Poly1305);
    Postgres::open(&db.url(role), connections, ring, suite, machine.clone()).await
}

pub(crate) async fn world() -> World {
    world_of(8).await
}

/// A world that reaches its database through so many connections at most.
pub(crate) async fn world_of(connections: u32) -> World {
    let (db, machine) = (Database::create().await.unwrap(), Arc::new(Machine::default()));
    let store = open(&db, "ward_app", connections, &machine).await.unwrap();
    let policy = Policy::compile(&[&FOUND, &WRITE, &LOOK, &ROTATE_LOG_KEY, &PRUNE_LOG], &[]).unwrap();
    World { db, store, machine, policy }
}

impl World {
    pub(crate) fn id<T: From<Uuid>>(&self) -> T {
        self.machine.next().into()
    }

    pub(crate) fn who(&self, tenant: TenantId, permissions: &[&str]) -> Arc<Principal> {
        let grants = self.policy.grants(permissions.iter().copied()).0;
        Arc::new(authority::user(tenant, self.id(), vec!["tester".into()], grants))
    }

    pub(crate) fn permit(&self, tenant: TenantId, operation: &'static Operation) -> Permit {
        self.policy.permit(&self.who(tenant, &["notes.write", "notes.read"]), operation).unwrap()
    }

    pub(crate) fn permit_of(&self, who: &Arc<Principal>, operation: &'static Operation) -> Permit {
        self.policy.permit(who, operation).unwrap()
    }

    pub(crate) fn denied(&self, tenant: TenantId) -> Denied {
        self.policy.permit(&self.who(tenant, &[]), &WRITE).unwrap_err()
    }

    /// A tenant with keys of its own.
    pub(crate) async fn tenant(&self) -> TenantId {
        let id: TenantId = self.id();
        let mut unit = self.found(id).await.unwrap();
        let founding = Founding {
            id,
            name: Text::parse("Clinic", 200).unwrap(),
            profile: "workforce".into(),
            region: "local".into(),
            sandbox: None,
            live: None,
            owner: Some("owner@example.org".into()),
        };
        let event = tenancy::found(&mut *unit, &FOUND, founding, ward::kernel::Clock::now(&*self.machine))
            .await
            .unwrap();
        unit.commit(event).await.unwrap();
        id
    }

    pub(crate) async fn found(&self, id: TenantId) -> Result<Box<dyn Unit>, StoreError> {
        let job = Arc::new(authority::system(id, "test"));
        self.store.found(self.policy.permit(&job, &FOUND).unwrap()).await
    }

    pub(crate) fn wrote(&self, subject: SubjectId) -> Event {
        Event::of(&WRITE, WROTE, subject)
    }

    /// What a query that returns one text says to the superuser.
    pub(crate) async fn text(&self, sql: &'static str) -> String {
        let mut root = self.db.connect("postgres").await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut root).await.unwrap()
    }

    /// What a query that returns one number says to `role`.
    pub(crate) async fn count(&self, role: &str, sql: &'static str) -> i64 {
        let mut raw = self.db.connect(role).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut raw).await.unwrap()
    }
}
