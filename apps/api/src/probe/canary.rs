//! Two tenants of the deployment's own, which checks may read, change and set upon each other.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use ward::Store as _;
use ward::audit::Events;
use ward::identity::api_key::{self, CREATED};
use ward::identity::{Creator, Mint, Mode};
use ward::kernel::{Operation, StoreError, TenantId, Text, Uuid};

use super::client::Client;
use super::{ProbeError, job};
use crate::app::App;
use crate::operator::{Failure, NewCustomer};

/// The one that attacks.
pub(crate) const A: TenantId = tenant(0xa);
/// The one that is attacked.
pub(crate) const B: TenantId = tenant(0xb);

/// Whether the tenant is the deployment's own, and no customer's.
pub(super) fn is_own(tenant: TenantId) -> bool {
    [TenantId::DEPLOYMENT, A, B].contains(&tenant)
}

/// Makes the keys that checks use.
pub(crate) static PREPARE_CANARY: Operation = job("prepareCanary", &[CREATED], true);

/// How long a check's keys are good; they are made anew in good time.
const LIFE: TimeDelta = TimeDelta::hours(24);

const fn tenant(n: u128) -> TenantId {
    TenantId::fixed(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000 + n))
}

/// What checks call the API with.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    /// May do everything in the attacking tenant.
    pub(crate) a: Client,
    /// May do everything in the attacked one.
    pub(crate) b: Client,
    /// May do nothing at all in the attacking one.
    pub(crate) powerless: Client,
    until: DateTime<Utc>,
}

/// The keys of this process, once they are made.
#[derive(Debug, Default)]
pub(crate) struct Canaries(Mutex<Option<Clients>>);

impl App {
    /// Founds the deployment's own tenant and the canaries, where they are missing.
    pub(crate) async fn prepare(&self) -> Result<(), Failure> {
        let name = |name: &str| Text::parse(name, 100).map_err(|error| Box::new(error) as Failure);
        if !self.store.is_founded(TenantId::DEPLOYMENT).await? {
            unless_taken(self.found_plain(TenantId::DEPLOYMENT, name("Deployment")?, None).await)?;
        }
        for (id, called) in [(A, "Canary A"), (B, "Canary B")] {
            if !self.store.is_founded(id).await? {
                let customer = NewCustomer { id, name: name(called)?, owner: None };
                unless_taken(self.found(customer).await.map(drop))?;
            }
        }
        Ok(())
    }

    pub(super) async fn canaries(&self) -> Result<Clients, ProbeError> {
        let mut made = self.canaries.0.lock().await;
        if let Some(clients) = made.as_ref().filter(|clients| self.clock().now() < clients.until) {
            return Ok(clients.clone());
        }
        let everything: Vec<_> = self.policy.permissions().iter().map(|&name| name.to_owned()).collect();
        let clients = Clients {
            a: self.client(A, everything.clone()).await.map_err(ProbeError::Canary)?,
            b: self.client(B, everything).await.map_err(ProbeError::Canary)?,
            powerless: self.client(A, Vec::new()).await.map_err(ProbeError::Canary)?,
            until: self.clock().now() + LIFE - TimeDelta::hours(1),
        };
        Ok(made.insert(clients).clone())
    }

    async fn client(&self, tenant: TenantId, permissions: Vec<String>) -> Result<Client, Failure> {
        let address = *self.address.get().ok_or("the listener is not up yet")?;
        let now = self.clock().now();
        let code = self.store.credential_code().await?;
        let mint = Mint { format: &self.profile.api_key, entropy: &*self.machine, code: &code };
        let request = api_key::Request {
            id: self.machine.next().into(),
            name: "Canary".into(),
            mode: Mode::Live,
            permissions,
            expires_at: Some(now + LIFE),
            monthly_quota: None,
        };
        let permit = self.prober(tenant, &PREPARE_CANARY).map_err(|denied| denied.to_string())?;
        let mut unit = self.store.begin(permit).await?;
        let made =
            api_key::create(&mut *unit, &PREPARE_CANARY, mint, request, (Creator::System, now)).await?;
        let (issued, event) = made;
        unit.commit(Events::from(event)).await?;
        Ok(Client::new(address, issued.secret.expose().to_owned()))
    }
}

/// Another replica may have been first.
fn unless_taken(founded: Result<(), Failure>) -> Result<(), Failure> {
    match founded {
        Err(error) if matches!(error.downcast_ref::<StoreError>(), Some(StoreError::Taken { .. })) => Ok(()),
        other => other,
    }
}
