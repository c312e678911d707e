use ward_kernel::TenantId;

use crate::{KeyError, KeyPurpose, KeyService, Keyring, ServiceError, StoredKeys, TenantKey, WrappedKey};

/// Why a tenant's key is wrapped by whoever wrapped it before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// No tenant may bring such a key here, or not this tenant this key.
    #[error("no such key may be brought here")]
    Forbidden,
    /// The service that wraps the key now doesn't give it.
    #[error("the key can't be had from the service that wraps it now")]
    Held(#[source] KeyError),
    /// The service that was to wrap it said no, or what it wrapped isn't what it unwraps.
    #[error("the key service doesn't wrap and unwrap the tenant's key")]
    Refused(#[source] ServiceError),
    /// The service that was to wrap it can't be reached.
    #[error("the key service that was to wrap the key can't be reached")]
    Unavailable(#[source] ServiceError),
}

impl Keyring {
    /// Has the service at `to`, or the deployment's, wrap the tenant's own key, in every version stored; answers those that are to be
    /// stored in place of what `stored` has under their ids. What the new service wrapped, it has unwrapped once by then; the key
    /// itself stays the same, so nothing sealed has to change.
    pub async fn transfer(
        &self,
        tenant: TenantId,
        stored: &StoredKeys,
        to: Option<&str>,
    ) -> Result<Vec<WrappedKey>, TransferError> {
        let new = self.service_at(tenant, to).await.map_err(|error| match error {
            ServiceError::Refused if to.is_some() => TransferError::Forbidden,
            error => of_new(error),
        })?;
        let old = self.service_at(tenant, stored.external.as_deref()).await;
        let old = old.map_err(|error| TransferError::Held(error.into()))?;
        let mut wrapped = Vec::new();
        for key in stored.keys.iter().filter(|key| key.purpose == KeyPurpose::Tenant) {
            let clear = unwrap(&*old, tenant, key).await.map_err(TransferError::Held)?;
            let bytes = new.wrap(tenant, &clear).await.map_err(of_new)?;
            let again = WrappedKey { bytes, ..key.clone() };
            match unwrap(&*new, tenant, &again).await {
                Ok(_) => wrapped.push(again),
                Err(KeyError::Service(error)) => return Err(of_new(error)),
                Err(_) => return Err(TransferError::Refused(ServiceError::Broken)),
            }
        }
        if wrapped.is_empty() {
            return Err(TransferError::Held(KeyError::Missing(KeyPurpose::Tenant)));
        }
        Ok(wrapped)
    }

    /// Asks whoever wraps the tenant's key for it, whatever is kept here: whether it would be had now.
    pub async fn ask(&self, tenant: TenantId, stored: &StoredKeys) -> Result<(), KeyError> {
        let service = self.service_at(tenant, stored.external.as_deref()).await?;
        let newest =
            stored.keys.iter().filter(|key| key.purpose == KeyPurpose::Tenant).max_by_key(|key| key.id);
        let newest = newest.ok_or(KeyError::Missing(KeyPurpose::Tenant))?;
        unwrap(&*service, tenant, newest).await.map(drop)
    }
}

async fn unwrap(
    service: &dyn KeyService,
    tenant: TenantId,
    wrapped: &WrappedKey,
) -> Result<TenantKey, KeyError> {
    let key = service.unwrap(tenant, &wrapped.bytes).await?;
    if key.0.is_that_of(&wrapped.commitment) { Ok(key) } else { Err(KeyError::Broken(wrapped.id)) }
}

fn of_new(error: ServiceError) -> TransferError {
    match error {
        ServiceError::Unavailable(_) => TransferError::Unavailable(error),
        error => TransferError::Refused(error),
    }
}
