use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ward_kernel::{ApiKeyId, StoreError, TenantId};

/// Port: whose credential this is, asked before any tenant is known.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The holder of the API key with this digest.
    async fn api_key(&self, digest: [u8; 32]) -> Result<Option<KeyHolder>, StoreError>;

    /// Notes when keys were used.
    async fn used(&self, keys: &[(ApiKeyId, DateTime<Utc>)]) -> Result<(), StoreError>;
}

/// What an API key's digest leads to.
#[derive(Clone, Debug)]
pub struct KeyHolder {
    /// The tenant it acts in.
    pub tenant: TenantId,
    /// Which key.
    pub id: ApiKeyId,
    /// What it may do.
    pub permissions: Vec<String>,
    /// Until when.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when no longer.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl KeyHolder {
    /// Whether the key is good at `now`.
    pub fn is_good(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none_or(|at| now < at) && self.expires_at.is_none_or(|at| now < at)
    }
}
