use std::error::Error;

use async_trait::async_trait;
use ward_kernel::TenantId;
use zeroize::Zeroizing;

use crate::material::{InvalidKey, Material, redacted};
use crate::{KeyId, KeyPurpose};

/// Port: wraps tenants' keys under a root that never leaves it, such as a key management service.
///
/// It must bind the tenant, so that what was wrapped for one tenant unwraps for no other, and must never answer
/// from memory when its root is out of reach: whoever revokes the root relies on it.
#[async_trait]
pub trait KeyService: Send + Sync {
    /// Wraps `key` for `tenant`.
    async fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError>;

    /// Unwraps what was wrapped for `tenant`.
    async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError>;

    /// Says cheaply whether it would wrap and unwrap now.
    async fn check(&self) -> Result<(), ServiceError>;
}

/// A tenant's key in clear, on its way into or out of a [`KeyService`].
pub struct TenantKey(pub(crate) Material);

impl TenantKey {
    /// **Danger.** The key itself, for a [`KeyService`] to wrap and for nobody else.
    pub fn to_clear(&self) -> Zeroizing<Vec<u8>> {
        self.0.to_clear()
    }

    /// The key that a [`KeyService`] just unwrapped.
    pub fn from_clear(clear: &[u8]) -> Result<Self, InvalidKey> {
        Material::from_clear(clear).map(Self)
    }
}

redacted!(TenantKey);

/// Why a key service did not answer with a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// It can't be reached; trying again may help.
    #[error("the key service can't be reached")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// It says no: the root was disabled, or access to it revoked.
    #[error("the key service refused")]
    Refused,
    /// What it was given, or gave, is no wrapped key of this tenant.
    #[error("not a key wrapped for this tenant by this key service")]
    Broken,
}

/// Why there is no key, so nothing is sealed and nothing opens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The tenant's key can't be had.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The tenant was stored without one of its keys.
    #[error("the tenant has no `{}` key", .0.as_str())]
    Missing(KeyPurpose),
    /// The tenant was stored with two keys where one belongs.
    #[error("the tenant has two `{}` keys", .0.as_str())]
    Twice(KeyPurpose),
    /// What is stored is not the key that was made under this id, for this purpose, tenant and subject.
    #[error("key `{0}` is not the one that was made")]
    Broken(KeyId),
    /// The id is kept for the keys that a tenant is made with.
    #[error("key id `{0}` is not for a subject")]
    Reserved(KeyId),
    /// Keys for this purpose have no versions, or theirs are made otherwise.
    #[error("no next version of a `{}` key is made so", .0.as_str())]
    Unversioned(KeyPurpose),
    /// The key sealed as much as one may, and another hasn't followed it yet.
    #[error("key `{0}` sealed as many messages as its cipher bears")]
    Spent(KeyId),
    /// The source of randomness gave what is not random.
    #[error("no key can be made")]
    Weak(#[from] InvalidKey),
}
