use ward_audit::{Change, Event};
use ward_kernel::{Action, Operation, Requires, StoreError, Text};

use crate::{InvalidSettings, Settings, SettingsChange, Tenant, Tenants};

/// A tenant's name or settings changed.
pub const TENANT_CHANGED: Action = Action::new("tenant.changed");

/// Shows the caller's tenant.
pub static SHOW_TENANT: Operation = Operation {
    id: "showTenant",
    requires: Requires::Permission("tenant.read"),
    events: &[],
    writes: false,
    discloses: false,
    controls: &["T2"],
    rate: "read",
    idempotent: false,
};

/// Changes the caller's tenant.
pub static CHANGE_TENANT: Operation = Operation {
    id: "changeTenant",
    requires: Requires::Permission("tenant.change"),
    events: &[TENANT_CHANGED],
    writes: true,
    discloses: false,
    controls: &["T2", "A1"],
    rate: "write",
    idempotent: false,
};

/// What to change; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The name.
    pub name: Option<Text>,
    /// The settings.
    pub settings: SettingsChange,
}

/// Why a tenant was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// Every fault of the settings.
    #[error("the settings can't be so")]
    Invalid(Vec<InvalidSettings>),
    /// There is no such tenant.
    #[error("no such tenant")]
    Absent,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes the unit's tenant. Where everything is so already, nothing is written, and there is no event.
pub async fn change(
    tenants: &mut (impl Tenants + ?Sized),
    changes: Changes,
) -> Result<(Tenant, Option<Event>), ChangeError> {
    let before = tenants.current().await?.ok_or(ChangeError::Absent)?;
    let settings = before.settings.changed(changes.settings).map_err(ChangeError::Invalid)?;
    let after = Tenant { name: changes.name.unwrap_or(before.name.clone()), settings, ..before.clone() };
    let differences = differences(&before, &after);
    if differences.is_empty() {
        return Ok((after, None));
    }
    tenants.update(&after).await?;
    let event = Event::of(&CHANGE_TENANT, TENANT_CHANGED, after.id).with_all(differences);
    Ok((after, Some(event)))
}

fn differences(before: &Tenant, after: &Tenant) -> Vec<Change> {
    let fields = |tenant: &Tenant| {
        let Settings { mfa_required, session_ttl_seconds, idle_timeout_seconds, allowed_email_domains } =
            &tenant.settings;
        [
            ("name", tenant.name.as_str().to_owned()),
            ("mfa_required", mfa_required.to_string()),
            ("session_ttl_seconds", session_ttl_seconds.to_string()),
            ("idle_timeout_seconds", idle_timeout_seconds.to_string()),
            ("allowed_email_domains", allowed_email_domains.join(" ")),
        ]
    };
    let pairs = fields(before).into_iter().zip(fields(after));
    pairs
        .filter(|(old, new)| old != new)
        .map(|((field, old), (_, new))| Change::plain(field, Some(&old), Some(&new)))
        .collect()
}
