use std::sync::Arc;

use ward_kernel::{Entropy, TenantId};

use crate::sealed::Sealing;
use crate::versions::{Versions, newest_first};
use crate::wrapped::{confirm, unwrap};
use crate::{
    DigestKey, IndexKey, KeyError, KeyId, KeyPurpose, KeyService, LaterKey, LedgerKey, LogKey, LogKeyring,
    SecretKey, TenantKey, TenantKeys, TokenKey, WrappedKey,
};

impl TenantKeys {
    /// Unwraps the keys stored for a tenant, all but its subjects': the service is asked once for each version of the tenant's own.
    pub async fn load(
        tenant: TenantId,
        service: &dyn KeyService,
        stored: &[WrappedKey],
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, KeyError> {
        Self::open(unwrapped(tenant, service, stored, entropy).await?, stored)
    }

    /// Refuses keys for purposes that aren't known here, unless they were wrapped for those.
    pub(crate) fn confirm(&self, later: &[LaterKey]) -> Result<(), KeyError> {
        later.iter().try_for_each(|key| confirm(&self.wrappers, key).map(drop))
    }

    pub(super) fn open(wrappers: Versions<Sealing>, stored: &[WrappedKey]) -> Result<Self, KeyError> {
        let (tenant, entropy) = (wrappers.current().tenant, &wrappers.current().entropy);
        let secret = |purpose| {
            let version = |wrapped: &WrappedKey| {
                let key = unwrap(&wrappers, wrapped)?;
                Ok(Sealing::new(tenant, wrapped.id, (&key, SecretKey::LABEL), entropy.clone()))
            };
            Versions::open(stored, purpose, version).map(SecretKey::new)
        };
        let digest = |purpose| {
            let version = |wrapped: &WrappedKey| Ok(DigestKey::version(&unwrap(&wrappers, wrapped)?));
            Versions::open(stored, purpose, version).map(DigestKey::new)
        };
        let index = |wrapped: &WrappedKey| Ok(IndexKey::version(&unwrap(&wrappers, wrapped)?));
        let index = Arc::new(IndexKey::new(Versions::open(stored, KeyPurpose::Index, index)?));
        let ledger = |wrapped: &WrappedKey| Ok(LedgerKey::version(&unwrap(&wrappers, wrapped)?));
        let ledger = LedgerKey::new(Versions::open(stored, KeyPurpose::Index, ledger)?);
        let (audit, idempotency) = (secret(KeyPurpose::Audit)?, secret(KeyPurpose::Idempotency)?);
        let (leaf, request) = (digest(KeyPurpose::Audit)?, digest(KeyPurpose::Idempotency)?);
        let logs = newest_first(stored, KeyPurpose::Log)?.into_iter();
        let logs = logs.map(|key| Ok((LogKey::new(&unwrap(&wrappers, key)?), key.until)));
        let log = LogKeyring::new(logs.collect::<Result<_, KeyError>>()?);
        let queue = secret(KeyPurpose::Queue)?;
        let (api_key, import) = (digest(KeyPurpose::ApiKey)?, digest(KeyPurpose::Import)?);
        let token = |wrapped: &WrappedKey| Ok(TokenKey::version(&unwrap(&wrappers, wrapped)?));
        let token = TokenKey::new(tenant, Versions::open(stored, KeyPurpose::Token, token)?);
        let tally = None;
        Ok(Self {
            wrappers,
            index,
            ledger,
            audit,
            leaf,
            log,
            idempotency,
            request,
            queue,
            api_key,
            import,
            token,
            tally,
        })
    }
}

pub(super) fn wrapper(tenant: TenantId, id: KeyId, own: &TenantKey, entropy: Arc<dyn Entropy>) -> Sealing {
    Sealing::new(tenant, id, (&own.0, b"ward v1 wrap"), entropy)
}

/// What the tenant's own keys wrap and unwrap with, once `service` has unwrapped them.
pub(super) async fn unwrapped(
    tenant: TenantId,
    service: &dyn KeyService,
    stored: &[WrappedKey],
    entropy: Arc<dyn Entropy>,
) -> Result<Versions<Sealing>, KeyError> {
    let mut own = Vec::new();
    for wrapped in newest_first(stored, KeyPurpose::Tenant)? {
        let key = service.unwrap(tenant, &wrapped.bytes).await?;
        if !key.0.is_that_of(&wrapped.commitment) {
            return Err(KeyError::Broken(wrapped.id));
        }
        own.push((wrapped.id, key));
    }
    Versions::open(stored, KeyPurpose::Tenant, |wrapped| {
        let own = own.iter().find(|(id, _)| *id == wrapped.id);
        let (id, key) = own.ok_or(KeyError::Broken(wrapped.id))?;
        Ok(wrapper(tenant, *id, key, entropy.clone()))
    })
}
