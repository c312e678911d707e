//! API keys: what one is, and what becomes of it.

mod create;
mod revoke;
mod rotate;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use ward_kernel::{Action, Actor, ApiKeyId, Entropy, Operation, Requires, StoreError, Text, UserId};

use crate::{ApiKeySecret, Format, Mode, SecretDigest};

pub use create::{CreateError, Request, create};
pub use revoke::{RevokeError, revoke};
pub use rotate::{Replacement, RotateError, rotate};

/// A key was made.
pub const CREATED: Action = Action::new("api_key.created");
/// A key was replaced.
pub const ROTATED: Action = Action::new("api_key.rotated");
/// A key was ended.
pub const REVOKED: Action = Action::new("api_key.revoked");

/// Making a key.
pub static CREATE: Operation = Operation {
    id: "createApiKey",
    requires: Requires::Permission("api_keys.create"),
    events: &[CREATED],
    writes: true,
    discloses: false,
    controls: &["I6", "A1"],
    rate: "write",
    idempotent: true,
};

/// Listing a tenant's keys, the ended ones included.
pub static LIST: Operation = Operation {
    id: "listApiKeys",
    requires: Requires::Permission("api_keys.read"),
    events: &[],
    writes: false,
    discloses: false,
    controls: &["I6"],
    rate: "read",
    idempotent: false,
};

/// Replacing a key by a new one.
pub static ROTATE: Operation = Operation {
    id: "rotateApiKey",
    requires: Requires::Permission("api_keys.rotate"),
    events: &[ROTATED],
    writes: true,
    discloses: false,
    controls: &["I6", "A1"],
    rate: "write",
    idempotent: true,
};

/// Ending a key.
pub static REVOKE: Operation = Operation {
    id: "revokeApiKey",
    requires: Requires::Permission("api_keys.revoke"),
    events: &[REVOKED],
    writes: true,
    discloses: false,
    controls: &["I6", "A1"],
    rate: "write",
    idempotent: false,
};

/// A key as it is kept: everything but the key. It is never deleted, so that the audit log's ids keep their
/// meaning.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiKey {
    /// Names it; says nothing of the secret.
    pub id: ApiKeyId,
    /// What people call it, at most [`ApiKey::NAME`] characters.
    pub name: Text,
    /// Where it acts.
    pub mode: Mode,
    /// What it may do, sorted, each once.
    pub permissions: Vec<String>,
    /// Who made it.
    pub created_by: Creator,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it is refused; never, if nothing.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last accepted.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Its start and its last four characters.
    pub hint: String,
    /// Requests a calendar month; as many as it likes, if nothing.
    pub monthly_quota: Option<u32>,
    /// The key that it took the place of.
    pub replaces: Option<ApiKeyId>,
    /// The key that took its place: the one that replaces it.
    pub replaced_by: Option<ApiKeyId>,
}

impl ApiKey {
    /// The most characters of a name.
    pub const NAME: usize = 100;

    /// The furthest that an expiry lies ahead: two years. A later date is more likely a slip; a key without one
    /// says so by having none.
    pub const LONGEST: TimeDelta = TimeDelta::days(731);

    /// Whether it is accepted at `now`.
    pub fn state(&self, now: DateTime<Utc>) -> State {
        if self.revoked_at.is_some() {
            State::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            State::Expired
        } else {
            State::Active
        }
    }
}

/// Whether a key is accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// It is.
    Active,
    /// No more: its time is over.
    Expired,
    /// No more: somebody ended it.
    Revoked,
}

/// Who made a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Creator {
    /// A person.
    User(UserId),
    /// A machine.
    ApiKey(ApiKeyId),
    /// Ward itself.
    System,
}

impl From<Actor> for Creator {
    fn from(actor: Actor) -> Self {
        match actor {
            Actor::User(id) => Self::User(id),
            Actor::ApiKey(id) => Self::ApiKey(id),
            _ => Self::System,
        }
    }
}

/// A key about to be kept, and what it will be found by.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// The key.
    pub key: ApiKey,
    /// Unique in the deployment, not only in the tenant.
    pub digest: SecretDigest,
}

/// A key just made: the only time that its secret is seen.
#[derive(Debug)]
#[must_use = "the secret can't be had again"]
pub struct Issued {
    /// What is kept.
    pub key: ApiKey,
    /// What is shown.
    pub secret: ApiKeySecret,
}

/// What secrets are made with.
#[derive(Clone, Copy)]
pub struct Mint<'a> {
    /// How they look.
    pub format: &'a Format,
    /// What they are drawn from.
    pub entropy: &'a dyn Entropy,
    /// The keyed code that they are kept by.
    pub code: &'a (dyn Fn(&[u8]) -> [u8; 32] + Sync),
}

impl std::fmt::Debug for Mint<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mint").field("format", self.format).finish_non_exhaustive()
    }
}

impl Mint<'_> {
    fn strike(&self, mode: Mode) -> (ApiKeySecret, SecretDigest) {
        let secret = self.format.random(mode, self.entropy);
        let digest = secret.digest(self.code);
        (secret, digest)
    }
}

/// Port: a tenant's API keys.
#[async_trait]
pub trait ApiKeys: Send {
    /// Keeps a key. From the commit on its digest finds it.
    async fn add(&mut self, new: &NewApiKey) -> Result<(), StoreError>;

    /// The key, which nobody else changes until the unit ends.
    async fn find(&mut self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError>;

    /// Ends the key for good. From the commit on no request is accepted.
    async fn revoke(&mut self, id: ApiKeyId, at: DateTime<Utc>) -> Result<(), StoreError>;

    /// Sets when the key expires.
    async fn expire(&mut self, id: ApiKeyId, at: DateTime<Utc>) -> Result<(), StoreError>;
}

/// Port: a tenant's API keys, to look at.
#[async_trait]
pub trait ApiKeysView: Send {
    /// Up to `limit` keys in the order of their ids, those after `after`, the ended ones included.
    async fn list(&mut self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<ApiKey>, StoreError>;
}

fn time(at: Option<DateTime<Utc>>) -> Option<String> {
    at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
}
