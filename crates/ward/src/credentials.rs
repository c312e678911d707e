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
    /// Since when no longer, whatever any clock says.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl KeyHolder {
    /// Whether the key is good at `now`.
    pub fn is_good(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use ward_kernel::Uuid;

    use super::*;

    #[test]
    fn a_revoked_key_stays_revoked_when_the_clock_goes_back() {
        let now = DateTime::UNIX_EPOCH;
        let id = || Uuid::nil();
        let good = KeyHolder {
            tenant: id().into(),
            id: id().into(),
            permissions: vec![],
            expires_at: Some(now + TimeDelta::seconds(1)),
            revoked_at: None,
        };
        assert!(good.is_good(now) && !good.is_good(now + TimeDelta::seconds(1)));
        assert!(!KeyHolder { revoked_at: Some(now + TimeDelta::hours(1)), ..good }.is_good(now));
    }
}
