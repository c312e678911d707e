use std::sync::Arc;

use ward_kernel::{Entropy, TenantId};

use super::opening::{unwrapped, wrapper};
use crate::material::Material;
use crate::versions::Versions;
use crate::wrapped::wrap;
use crate::{KeyError, KeyId, KeyPurpose, KeyService, Suite, TenantKey, TenantKeys, WrappedKey};

impl TenantKeys {
    /// Makes all keys of a new tenant, for `suite`; those returned beside them are to be stored, every one.
    pub async fn create(
        tenant: TenantId,
        service: &dyn KeyService,
        suite: Suite,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Vec<WrappedKey>), KeyError> {
        let id = KeyPurpose::Tenant.first_id();
        let (own, wrapped) = make_own(tenant, service, (id, suite), &*entropy).await?;
        let mut stored = vec![wrapped];
        let wrapper = wrapper(tenant, id, &own, entropy);
        for purpose in KeyPurpose::single() {
            let key = Material::random(suite, &*wrapper.entropy)?;
            stored.push(wrap(&wrapper, purpose.first_id(), purpose, None, &key)?);
        }
        Ok((Self::open(Versions::only(id, wrapper), &stored)?, stored))
    }

    /// Whether the tenant was founded by a Ward that made fewer keys: then [`Self::complete`] makes the others.
    pub fn are_fewer(stored: &[WrappedKey]) -> bool {
        let has = |purpose: KeyPurpose| stored.iter().any(|key| key.purpose == purpose);
        has(KeyPurpose::Tenant) && !KeyPurpose::LATER.into_iter().all(has)
    }

    /// Unwraps the keys stored for a tenant as [`Self::load`] does, and makes those that it was founded too early to
    /// have; these are to be stored, every one, before anything is done with them. No other that is missing is made.
    ///
    /// Each has the least id that is above those of `stored`, so of two who complete the same keys one alone can store them.
    pub async fn complete(
        tenant: TenantId,
        service: &dyn KeyService,
        stored: &[WrappedKey],
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Vec<WrappedKey>), KeyError> {
        let wrappers = unwrapped(tenant, service, stored, entropy).await?;
        let wrapper = wrappers.current();
        let own = stored.iter().filter(|key| key.subject.is_none());
        let last = own.map(|key| u32::from(key.id)).max().unwrap_or_default();
        let mut all = stored.to_vec();
        let missing = |purpose: &KeyPurpose| !stored.iter().any(|key| key.purpose == *purpose);
        for (purpose, id) in KeyPurpose::LATER.into_iter().filter(missing).zip(last + 1..) {
            let key = Material::random(wrapper.header.suite, &*wrapper.entropy)?;
            all.push(wrap(wrapper, KeyId::from(id), purpose, None, &key)?);
        }
        let keys = Self::open(wrappers, &all)?;
        Ok((keys, all.split_off(stored.len())))
    }
}

/// Makes a key of the tenant's own, wrapped by the service, which must give it back: what it couldn't unwrap would close the tenant for good.
pub(crate) async fn make_own(
    tenant: TenantId,
    service: &dyn KeyService,
    (id, suite): (KeyId, Suite),
    entropy: &dyn Entropy,
) -> Result<(TenantKey, WrappedKey), KeyError> {
    let own = TenantKey(Material::random(suite, entropy)?);
    let (commitment, bytes) = (own.0.commitment(), service.wrap(tenant, &own).await?);
    if !service.unwrap(tenant, &bytes).await?.0.is_that_of(&commitment) {
        return Err(KeyError::Broken(id));
    }
    let purpose = KeyPurpose::Tenant;
    Ok((own, WrappedKey { id, purpose, subject: None, bytes, commitment, until: None, known: false }))
}
