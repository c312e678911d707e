use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ward_kernel::{StoreError, TenantId, Text};

use crate::Settings;

/// How many characters a tenant's name may have.
pub const NAME_LENGTH: usize = 200;

/// One customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Names it.
    pub id: TenantId,
    /// What it calls itself.
    pub name: Text,
    /// Which promises it was sold.
    pub profile: String,
    /// Where its data lies.
    pub region: String,
    /// Where its test keys act; a sandbox has none of its own.
    pub sandbox: Option<TenantId>,
    /// Whose sandbox it is.
    pub live: Option<TenantId>,
    /// What it chose.
    pub settings: Settings,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// Port: the unit's own tenant, to change.
#[async_trait]
pub trait Tenants: Send {
    /// Enters the tenant, and the address of its owner, sealed.
    async fn enter(&mut self, tenant: &Tenant, owner: Option<&str>) -> Result<(), StoreError>;

    /// The tenant as it is, held until the unit ends.
    async fn current(&mut self) -> Result<Option<Tenant>, StoreError>;

    /// Sets its name and settings.
    async fn update(&mut self, tenant: &Tenant) -> Result<(), StoreError>;
}

/// Port: the reader's own tenant.
#[async_trait]
pub trait TenantsView: Send {
    /// The tenant as it is.
    async fn tenant(&mut self) -> Result<Option<Tenant>, StoreError>;
}
