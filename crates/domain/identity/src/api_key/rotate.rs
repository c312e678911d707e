use chrono::{DateTime, TimeDelta, Utc};
use ward_audit::{Change, Event};
use ward_kernel::{ApiKeyId, StoreError};

use super::{ApiKey, ApiKeys, Creator, Issued, Mint, NewApiKey, ROTATE, ROTATED, State, time};

/// What takes the place of a key.
#[derive(Clone, Copy, Debug)]
pub struct Replacement {
    /// The key to replace.
    pub of: ApiKeyId,
    /// A new id.
    pub id: ApiKeyId,
    /// For how long both work; for none, the old one ends at once.
    pub overlap: TimeDelta,
}

impl Replacement {
    /// How long both work where nobody says.
    pub const OVERLAP: TimeDelta = TimeDelta::hours(24);

    /// How long both may work.
    pub const LONGEST_OVERLAP: TimeDelta = TimeDelta::days(30);
}

/// Makes a new key like the old one, which works on for the overlap and never longer than it would have.
///
/// Where the old one expires, the new one gets as long a life as that one was given. The event is about the old
/// key, and covers the new. The new one may do what the old one may: that the caller holds all of it is the
/// caller's to check, as with [`create`](super::create()).
pub async fn rotate(
    keys: &mut (impl ApiKeys + ?Sized),
    mint: Mint<'_>,
    replacement: Replacement,
    by: Creator,
    now: DateTime<Utc>,
) -> Result<(Issued, Event), RotateError> {
    let Replacement { of, id, overlap } = replacement;
    if overlap < TimeDelta::zero() || overlap > Replacement::LONGEST_OVERLAP {
        return Err(RotateError::Overlap);
    }
    let old = keys.find(of).await?.ok_or(RotateError::NotFound)?;
    match old.state(now) {
        State::Active => {}
        State::Expired => return Err(RotateError::Expired),
        State::Revoked => return Err(RotateError::Revoked),
    }
    if let Some(by) = old.replaced_by {
        return Err(RotateError::Replaced(by));
    }
    let (secret, digest) = mint.strike(old.mode);
    let ends = old.expires_at.map_or(now + overlap, |end| end.min(now + overlap));
    let new = NewApiKey {
        key: ApiKey {
            id,
            created_by: by,
            created_at: now,
            expires_at: old.expires_at.map(|end| now + (end - old.created_at).min(ApiKey::LONGEST)),
            last_used_at: None,
            hint: secret.hint(),
            replaces: Some(of),
            replaced_by: None,
            ..old.clone()
        },
        digest,
    };
    keys.add(&new).await?;
    keys.expire(of, ends).await?;
    let (before, after) = (time(old.expires_at), time(Some(ends)));
    let event = Event::of(&ROTATE, ROTATED, of).covering([id.into()]).with(Change::plain(
        "expires_at",
        before.as_deref(),
        after.as_deref(),
    ));
    Ok((Issued { key: new.key, secret }, event))
}

/// Why a key was not replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// The tenant has no such key.
    #[error("no such API key")]
    NotFound,
    /// What is over can't be gone on with.
    #[error("the API key has expired")]
    Expired,
    /// What was ended stays ended.
    #[error("the API key is revoked")]
    Revoked,
    /// Go on with the key that took its place.
    #[error("the API key was replaced already")]
    Replaced(ApiKeyId),
    /// Longer than a month, or less than nothing.
    #[error("must be between none and 30 days")]
    Overlap,
    /// Nothing was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
