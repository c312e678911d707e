use chrono::{DateTime, Utc};
use ward_audit::{Change, Event};
use ward_kernel::{ApiKeyId, StoreError};

use super::{ApiKeys, REVOKE, REVOKED, time};

/// Ends a key at once and for good; it stays listed. An expired one can be revoked too.
pub async fn revoke(
    keys: &mut (impl ApiKeys + ?Sized),
    id: ApiKeyId,
    now: DateTime<Utc>,
) -> Result<Event, RevokeError> {
    let key = keys.find(id).await?.ok_or(RevokeError::NotFound)?;
    if let Some(at) = key.revoked_at {
        return Err(RevokeError::Already(at));
    }
    keys.revoke(id, now).await?;
    Ok(Event::of(&REVOKE, REVOKED, id).with(Change::plain("revoked_at", None, time(Some(now)).as_deref())))
}

/// Why a key was not revoked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevokeError {
    /// The tenant has no such key.
    #[error("no such API key")]
    NotFound,
    /// It is revoked: nothing is left to do, and nothing was recorded.
    #[error("the API key was revoked already")]
    Already(DateTime<Utc>),
    /// Nothing was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
