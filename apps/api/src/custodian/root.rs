//! The deployment's root, and the keys that another root wrapped: each is wrapped anew in a unit of its own, so whoever is killed leaves nothing
//! half done, and goes on from there.

use ward::kernel::{TenantId, Uuid};
use ward::{EntrustError, FOLLOW_ROOT, KeyWatch as _, Store as _};

use super::{Failed, TRIES, permit_to};
use crate::app::App;
use crate::logs;

/// What became of the keys of all tenants.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Followed {
    /// Tenants whose key was wrapped anew.
    pub(crate) anew: u64,
    /// Tenants whose key the root, or a service of their own, wrapped already.
    pub(crate) already: u64,
    /// Tenants of whom that isn't known: the log says why.
    pub(crate) failed: u64,
}

/// Has the root wrap every tenant's key that another root wrapped, tenant after tenant.
pub(crate) async fn follow(app: &App) -> Result<Followed, Failed> {
    let mut followed = Followed::default();
    for tenant in app.tenants().await? {
        match follow_one(app, tenant).await {
            Ok(true) => followed.anew += 1,
            Ok(false) => followed.already += 1,
            Err(error) => {
                let (tenant, error) = (Uuid::from(tenant), logs::causes(&error));
                tracing::warn!(%tenant, error, "a tenant's key isn't known to be wrapped by the root");
                followed.failed += 1;
            }
        }
    }
    Ok(followed)
}

/// Whether the tenant's key was wrapped anew. The services are asked while no transaction is open.
async fn follow_one(app: &App, tenant: TenantId) -> Result<bool, Failed> {
    if app.store.brought(tenant).await?.is_some() {
        return Ok(false); // and may be dark
    }
    for _ in 0..TRIES {
        let custody = app.store.read(permit_to(app, tenant, &FOLLOW_ROOT)?).await?.custody().await?;
        let Some(wrapped) = app.store.keyring().follow_root(tenant, &custody.stored).await? else {
            return Ok(false);
        };
        let mut unit = app.store.begin(permit_to(app, tenant, &FOLLOW_ROOT)?).await?;
        match ward::follow_root(&mut *unit, (&custody, &wrapped), app.clock().now()).await {
            Ok(event) => {
                unit.commit(event).await?;
                app.store.keyring().forget(tenant); // the others are told by the database
                return Ok(true);
            }
            Err(EntrustError::Changed) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(EntrustError::Changed.into())
}
