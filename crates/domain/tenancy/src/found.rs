use chrono::{DateTime, Utc};
use ward_audit::{Change, Event};
use ward_kernel::{Action, Operation, StoreError, TenantId, Text};

use crate::{Settings, Tenant, Tenants};

/// A tenant was founded.
pub const TENANT_FOUNDED: Action = Action::new("tenant.founded");

/// A tenant to be.
#[derive(Clone, Debug)]
pub struct Founding {
    /// Its id.
    pub id: TenantId,
    /// What it calls itself.
    pub name: Text,
    /// Which promises it is sold.
    pub profile: String,
    /// Where its data lies.
    pub region: String,
    /// The tenant where its test keys will act.
    pub sandbox: Option<TenantId>,
    /// Whose sandbox it is.
    pub live: Option<TenantId>,
    /// The mail address of its owner.
    pub owner: Option<String>,
}

/// Enters the tenant, in a unit of its own, as part of `operation`.
pub async fn found(
    tenants: &mut (impl Tenants + ?Sized),
    operation: &'static Operation,
    founding: Founding,
    now: DateTime<Utc>,
) -> Result<Event, StoreError> {
    let Founding { id, name, profile, region, sandbox, live, owner } = founding;
    let event = Event::of(operation, TENANT_FOUNDED, id)
        .with(Change::plain("name", None, Some(name.as_str())))
        .with(Change::plain("profile", None, Some(&profile)))
        .with(Change::plain("region", None, Some(&region)));
    let settings = Settings::default();
    let tenant = Tenant { id, name, profile, region, sandbox, live, settings, created_at: now };
    tenants.enter(&tenant, owner.as_deref()).await?;
    Ok(event)
}
