use chrono::{DateTime, Utc};
use ward_audit::{Change, Event};
use ward_kernel::{ApiKeyId, InvalidText, Operation, StoreError, Text};

use super::{ApiKey, ApiKeys, CREATED, Creator, Issued, Mint, NewApiKey, time};
use crate::Mode;

/// The key that somebody asks for.
#[derive(Clone, Debug)]
pub struct Request {
    /// A new id.
    pub id: ApiKeyId,
    /// What to call it.
    pub name: String,
    /// Where it is to act.
    pub mode: Mode,
    /// What it is to be allowed. That the policy knows them, and that the caller holds them all, is the caller's
    /// to check.
    pub permissions: Vec<String>,
    /// When it is to end, at most [`ApiKey::LONGEST`] ahead; never, if nothing.
    pub expires_at: Option<DateTime<Utc>>,
    /// Requests a calendar month.
    pub monthly_quota: Option<u32>,
}

/// Makes a key, as part of `operation`. The event names everything about it but its name, which may be a person's.
pub async fn create(
    keys: &mut (impl ApiKeys + ?Sized),
    operation: &'static Operation,
    mint: Mint<'_>,
    request: Request,
    (by, now): (Creator, DateTime<Utc>),
) -> Result<(Issued, Event), CreateError> {
    let name = Text::parse(&request.name, ApiKey::NAME)?;
    match request.expires_at {
        Some(end) if end <= now => return Err(CreateError::Past),
        Some(end) if end - now > ApiKey::LONGEST => return Err(CreateError::Far),
        _ if request.monthly_quota == Some(0) => return Err(CreateError::NoQuota),
        _ => {}
    }
    let Request { id, mode, mut permissions, expires_at, monthly_quota, .. } = request;
    permissions.sort_unstable();
    permissions.dedup();
    let (secret, digest) = mint.strike(mode);
    let key = ApiKey {
        id,
        name,
        mode,
        permissions,
        created_by: by,
        created_at: now,
        expires_at,
        revoked_at: None,
        last_used_at: None,
        hint: secret.hint(),
        monthly_quota,
        replaces: None,
        replaced_by: None,
    };
    let new = NewApiKey { key, digest };
    keys.add(&new).await?;
    let event = Event::of(operation, CREATED, id).with_all(described(&new.key));
    Ok((Issued { key: new.key, secret }, event))
}

fn described(key: &ApiKey) -> Vec<Change> {
    let permissions = key.permissions.join(" ");
    let (expires_at, quota) = (time(key.expires_at), key.monthly_quota.map(|quota| quota.to_string()));
    let fields = [
        ("mode", Some(key.mode.as_str())),
        ("permissions", Some(&*permissions)),
        ("expires_at", expires_at.as_deref()),
        ("monthly_quota", quota.as_deref()),
    ];
    let given = fields.into_iter().filter(|(_, value)| value.is_some());
    given.map(|(field, value)| Change::plain(field, None, value)).collect()
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The name can't be kept.
    #[error(transparent)]
    Name(#[from] InvalidText),
    /// It would have ended before it began.
    #[error("must lie in the future")]
    Past,
    /// It would outlive every habit of looking at it.
    #[error("must lie at most two years ahead")]
    Far,
    /// It could do nothing.
    #[error("must be at least 1")]
    NoQuota,
    /// Nothing was kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}
