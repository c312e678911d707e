//! What whoever runs the deployment does: founding tenants, each with a sandbox and a first key.

use std::sync::Arc;

use chrono::TimeDelta;
use ward::audit::Events;
use ward::identity::api_key::{self, CREATED};
use ward::identity::{ApiKeySecret, Creator, Mint, Mode};
use ward::kernel::{Operation, Requires, TenantId, Text, Uuid, authority};
use ward::rbac::Permit;
use ward::tenancy::{self, Founding, TENANT_FOUNDED};
use ward::{
    GivenUp, JobFailure, ROTATE_LOG_KEY, ROTATED, ROTATION_STARTED, Rotation, RotationState, Store as _, Unit,
};
use ward_postgres::UnderWay;

use crate::app::App;
use crate::rotation;

const JOB: &str = "operator";

/// Founds a tenant, with its first key.
pub(crate) static FOUND_TENANT: Operation = Operation {
    id: "foundTenant",
    requires: Requires::Job(JOB),
    events: &[TENANT_FOUNDED, CREATED],
    writes: true,
    discloses: false,
    controls: &["T1", "I6", "A1"],
    rate: "job",
    idempotent: false,
};

/// Has other keys follow those of a tenant, or the deployment's own.
pub(crate) static BEGIN_ROTATIONS: Operation = Operation {
    id: "beginRotations",
    requires: Requires::Job(JOB),
    events: &[ROTATION_STARTED],
    writes: true,
    discloses: false,
    controls: &["C4"],
    rate: "job",
    idempotent: false,
};

/// Looks at the jobs that were given up; what they are about stays sealed.
pub(crate) static LOOK_AT_JOBS: Operation = Operation {
    id: "lookAtJobs",
    requires: Requires::Job(JOB),
    events: &[],
    writes: false,
    discloses: false,
    controls: &["O3"],
    rate: "job",
    idempotent: false,
};

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A customer to be.
pub(crate) struct NewCustomer {
    pub(crate) id: TenantId,
    pub(crate) name: Text,
    pub(crate) owner: Option<String>,
}

/// A customer just founded.
#[derive(Debug)]
pub struct Founded {
    /// Names it.
    pub tenant: TenantId,
    /// Its first key: the only time that it is seen.
    pub api_key: ApiKeySecret,
}

/// Why a rotation isn't at work.
pub(crate) enum Rests {
    /// Somebody paused it.
    Paused,
    /// The next version isn't known everywhere yet.
    Settles,
    /// It failed, and is tried again.
    Failed(JobFailure),
}

impl App {
    /// Founds a customer under a new id.
    pub(crate) async fn found_tenant(&self, name: &str, owner: Option<&str>) -> Result<Founded, Failure> {
        let (tenant, name) = (self.machine.next().into(), Text::parse(name, tenancy::NAME_LENGTH)?);
        let customer = NewCustomer { id: tenant, name, owner: owner.map(str::to_owned) };
        Ok(Founded { tenant, api_key: self.found(customer).await? })
    }

    /// The jobs that were given up, the oldest thousand of each tenant; or why that tenant's can't be had.
    pub(crate) async fn given_up(&self) -> Result<Vec<(TenantId, Result<Vec<GivenUp>, Failure>)>, Failure> {
        let mut all = Vec::new();
        for tenant in self.tenants().await? {
            all.push((tenant, self.given_up_of(tenant).await));
        }
        Ok(all)
    }

    /// Gives the log of `tenant` its next key, beside which the last one signs for `overlap`; says which it is.
    pub(crate) async fn rotate_log_key(
        &self,
        tenant: TenantId,
        overlap: TimeDelta,
    ) -> Result<String, Failure> {
        let mut reading = self.store.read(self.operator(tenant, &ROTATE_LOG_KEY)?).await?;
        let origin = reading.head().await?.map(|head| head.checkpoint.origin);
        let origin = origin.unwrap_or_else(|| self.sequencer.origin(tenant));
        let until = self.clock().now() + overlap;
        let mut unit = self.store.begin(self.operator(tenant, &ROTATE_LOG_KEY)?).await?;
        let (key, event) = ward::rotate_log_key(&mut *unit, &origin, until).await?;
        unit.commit(event).await?;
        Ok(key.to_string())
    }

    /// Has other keys follow those of `tenant`, or the deployment's own; says how many kinds of key are under way by now.
    pub(crate) async fn rotate_keys(&self, tenant: TenantId) -> Result<usize, Failure> {
        let mut unit = self.store.begin(self.operator(tenant, &BEGIN_ROTATIONS)?).await?;
        let (under_way, events) = rotation::work::begin(self, &mut *unit, &ROTATED).await?;
        if let Some(events) = Events::all(events) {
            unit.commit(events).await?;
        }
        Ok(under_way.len())
    }

    /// The rotations of `tenant` that are under way, or of the deployment's own keys, each with what keeps it from its work.
    pub(crate) async fn rotations(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<(Rotation, Option<Rests>)>, Failure> {
        let (failures, mut all) = (self.store.job_failures(tenant).await?, Vec::new());
        for UnderWay { rotation, settles } in self.store.rotations_under_way(tenant).await? {
            let job = rotation::work::job_id(rotation.id);
            let failure = failures.iter().find(|failure| failure.id == job).cloned();
            let rests = match (rotation.state, failure) {
                (RotationState::Paused, _) => Some(Rests::Paused),
                (_, Some(failure)) => Some(Rests::Failed(failure)),
                _ => settles.then_some(Rests::Settles),
            };
            all.push((rotation, rests));
        }
        Ok(all)
    }

    /// Whether there is a tenant of that id: a customer, a sandbox or the deployment itself.
    pub(crate) async fn founded(&self, tenant: TenantId) -> Result<(), Failure> {
        if self.store.is_founded(tenant).await? {
            return Ok(());
        }
        Err(format!("there is no tenant `{}`", Uuid::from(tenant)).into())
    }

    async fn given_up_of(&self, tenant: TenantId) -> Result<Vec<GivenUp>, Failure> {
        let mut unit = self.store.begin(self.operator(tenant, &LOOK_AT_JOBS)?).await?;
        Ok(unit.given_up(1_000).await?)
    }

    /// Founds the tenant and its sandbox, and issues a key that may do everything the profile allows.
    pub(crate) async fn found(&self, customer: NewCustomer) -> Result<ApiKeySecret, Failure> {
        let sandbox: TenantId = self.machine.next().into();
        let name = Text::parse(&format!("{} (sandbox)", customer.name.as_str()), tenancy::NAME_LENGTH)
            .unwrap_or_else(|_| customer.name.clone());
        self.found_plain(sandbox, name, Some(customer.id)).await?;

        let mut unit = self.store.found(self.operator(customer.id, &FOUND_TENANT)?).await?;
        let NewCustomer { id, name, owner } = customer;
        let founding = self.founding(id, name, Some(sandbox), None, owner);
        let founded = tenancy::found(&mut *unit, &FOUND_TENANT, founding, self.clock().now()).await?;
        let (secret, issued) = self.first_key(&mut *unit).await?;
        unit.commit(Events::from(founded).and(issued)).await?;
        Ok(secret)
    }

    /// Founds a tenant without a key: a sandbox, or the deployment's own.
    pub(crate) async fn found_plain(
        &self,
        id: TenantId,
        name: Text,
        live: Option<TenantId>,
    ) -> Result<(), Failure> {
        let mut unit = self.store.found(self.operator(id, &FOUND_TENANT)?).await?;
        let founding = self.founding(id, name, None, live, None);
        let event = tenancy::found(&mut *unit, &FOUND_TENANT, founding, self.clock().now()).await?;
        unit.commit(event).await?;
        Ok(())
    }

    fn founding(
        &self,
        id: TenantId,
        name: Text,
        sandbox: Option<TenantId>,
        live: Option<TenantId>,
        owner: Option<String>,
    ) -> Founding {
        let (profile, region) = (self.profile.name.clone(), self.region.clone());
        Founding { id, name, profile, region, sandbox, live, owner }
    }

    async fn first_key(&self, unit: &mut dyn Unit) -> Result<(ApiKeySecret, ward::audit::Event), Failure> {
        let code = self.store.credential_code().await?;
        let mint = Mint { format: &self.profile.api_key, entropy: &*self.machine, code: &code };
        let request = api_key::Request {
            id: self.machine.next().into(),
            name: "First key".into(),
            mode: Mode::Live,
            permissions: self.policy.permissions().iter().map(|&name| name.to_owned()).collect(),
            expires_at: None,
            monthly_quota: None,
        };
        let by = (Creator::System, self.clock().now());
        let (issued, event) = api_key::create(unit, &FOUND_TENANT, mint, request, by).await?;
        Ok((issued.secret, event))
    }

    fn operator(&self, tenant: TenantId, operation: &'static Operation) -> Result<Permit, Failure> {
        #[expect(clippy::disallowed_methods, reason = "only whoever runs the deployment gets here")]
        let job = Arc::new(authority::system(tenant, JOB));
        Ok(self.policy.permit(&job, operation).map_err(|denied| denied.to_string())?)
    }
}
