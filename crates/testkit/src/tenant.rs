use std::sync::Arc;

use chrono::TimeDelta;
use ward::Store as _;
use ward::audit::RecordError;
use ward::crypto::{InvalidKey, Keyring, KeyringError, LocalKeys, RootKey, Suite};
use ward::kernel::{Clock as _, Ids as _, Operation, Requires, StoreError, TenantId, Text, authority};
use ward::rbac::{Policy, PolicyError};
use ward::tenancy::{self, Founding, NAME_LENGTH, TENANT_FOUNDED};
use ward_postgres::{OpenError, Postgres};

use crate::Machine;

const JOB: &str = "testkit";

static FOUND: Operation = Operation {
    id: "foundTestTenant",
    requires: Requires::Job(JOB),
    events: &[TENANT_FOUNDED],
    writes: true,
    discloses: false,
    controls: &[],
    rate: "job",
    idempotent: false,
};

/// Opens the database at `url` under a root key of this process's own, for tenants that last as long.
pub async fn open(url: &str, connections: u32, machine: &Arc<Machine>) -> Result<Postgres, FoundError> {
    let service = LocalKeys::new(RootKey::random(&**machine)?, machine.clone());
    let lifetime = Keyring::LONGEST - TimeDelta::seconds(1);
    let keyring = Keyring::new(Arc::new(service), machine.clone(), machine.clone(), lifetime, 1_000)?;
    let suite = Suite::default();
    Ok(Postgres::open(url, connections, Arc::new(keyring), suite, machine.clone()).await?)
}

/// Founds a tenant, with keys of its own.
pub async fn found(store: &Postgres, machine: &Machine) -> Result<TenantId, FoundError> {
    let id = TenantId::from(machine.next());
    #[expect(clippy::disallowed_methods, reason = "a tenant for a test")]
    let job = Arc::new(authority::system(id, JOB));
    let permit = Policy::compile(&[&FOUND], &[])?.permit(&job, &FOUND).map_err(|_| FoundError::Refused)?;
    let founding = Founding {
        id,
        name: Text::parse("Clinic", NAME_LENGTH).map_err(|_| FoundError::Refused)?,
        profile: "workforce".into(),
        region: "local".into(),
        sandbox: None,
        live: None,
        owner: None,
    };
    let mut unit = store.found(permit).await?;
    let event = tenancy::found(&mut *unit, &FOUND, founding, machine.now()).await?;
    unit.commit(event).await?;
    Ok(id)
}

/// Why there is no tenant to test with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FoundError {
    /// The root key is none.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// No ring of keys.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The database can't be reached, or must not be.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The policy, or the tenant's name, was refused.
    #[error("a test tenant was refused")]
    Refused,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The commit failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}
