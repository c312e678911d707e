use poem_openapi::{Enum, Object};
use serde::Deserialize;
use uuid::Uuid;
use ward::identity::{ApiKey, Creator, Issued, api_key};
use ward::kernel::ApiKeyId;

use crate::http::given::{Given, Instant, Line};
use crate::http::problem::Refused;
use crate::http::time::Time;

const MOST_PERMISSIONS: usize = 256;

/// A key to make.
#[derive(Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    /// What to call it.
    pub(super) name: Given<Line<{ ApiKey::NAME }>>,
    /// Where it acts.
    pub(super) mode: Mode,
    /// What it may do; each must be held by whoever makes it.
    #[oai(validator(max_items = 256))]
    pub(super) permissions: Vec<String>,
    /// When it ends, at most two years ahead; never, if absent.
    expires_at: Option<Given<Instant>>,
    /// Requests a calendar month; any number, if absent. Kept, and not counted yet.
    #[oai(validator(minimum(value = "1"), maximum(value = "2147483647")))]
    monthly_quota: Option<u32>,
}

impl NewKey {
    /// The document's bounds that nothing else keeps.
    pub(super) fn check_bounds(&self) -> Result<(), Refused> {
        if self.permissions.len() > MOST_PERMISSIONS {
            return Err(Refused::at("/permissions", format!("must be at most {MOST_PERMISSIONS}")));
        }
        if self.monthly_quota.is_some_and(|quota| i32::try_from(quota).is_err()) {
            return Err(Refused::at("/monthly_quota", format!("must be at most {}", i32::MAX)));
        }
        Ok(())
    }

    pub(super) fn request(self, id: ApiKeyId) -> api_key::Request {
        let Self { name, mode, permissions, expires_at, monthly_quota } = self;
        let (name, expires_at) = (name.0, expires_at.map(|at| at.0));
        api_key::Request { id, name, mode: mode.into(), permissions, expires_at, monthly_quota }
    }
}

/// How to replace a key.
#[derive(Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// For how long the old key works on, at most 30 days; a day, if absent.
    #[oai(validator(maximum(value = "2592000")))]
    pub(super) overlap_seconds: Option<u32>,
}

/// Where a key acts.
#[derive(Clone, Copy, Deserialize, Enum)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// On the tenant's data.
    Live,
    /// In the tenant's sandbox only.
    Test,
}

/// A key just made: the only time it is shown.
#[derive(Object)]
pub(super) struct IssuedKey {
    /// Names it.
    id: Uuid,
    /// The key.
    key: String,
    /// What every key of its kind starts with.
    prefix: String,
    /// What is kept of it.
    #[oai(flatten)]
    kept: KeyFacts,
}

/// A page of keys.
#[derive(Object)]
pub(super) struct KeyList {
    /// Oldest first.
    pub(super) items: Vec<KeyView>,
    /// Leads to the next page.
    pub(super) next_cursor: Option<String>,
}

/// A key, without the key.
#[derive(Object)]
#[oai(rename = "ApiKey")]
pub(super) struct KeyView {
    /// Names it.
    id: Uuid,
    /// What is kept of it.
    #[oai(flatten)]
    kept: KeyFacts,
}

/// What is kept of a key.
#[derive(Object)]
pub(super) struct KeyFacts {
    /// What it is called.
    name: String,
    /// Where it acts.
    mode: Mode,
    /// What it may do.
    permissions: Vec<String>,
    /// The API key that made it, if one did.
    created_by: Option<Uuid>,
    /// Its start and its last four characters.
    hint: String,
    /// When it was made.
    created_at: Time,
    /// When it ends.
    expires_at: Option<Time>,
    /// When it was ended.
    revoked_at: Option<Time>,
    /// When it was last used, to half a minute.
    last_used_at: Option<Time>,
    /// Requests a calendar month; not counted yet.
    monthly_quota: Option<u32>,
    /// The key it took the place of.
    replaces: Option<Uuid>,
    /// The key that took its place.
    replaced_by: Option<Uuid>,
}

impl From<Issued> for IssuedKey {
    fn from(Issued { key, secret }: Issued) -> Self {
        let text = secret.expose().to_owned();
        let prefix = text.rsplit_once('_').map_or(String::new(), |(start, _)| format!("{start}_"));
        Self { id: key.id.into(), key: text, prefix, kept: key.into() }
    }
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self { id: key.id.into(), kept: key.into() }
    }
}

impl From<ApiKey> for KeyFacts {
    fn from(key: ApiKey) -> Self {
        Self {
            name: key.name.into(),
            mode: match key.mode {
                ward::identity::Mode::Live => Mode::Live,
                ward::identity::Mode::Test => Mode::Test,
            },
            permissions: key.permissions,
            created_by: match key.created_by {
                Creator::ApiKey(id) => Some(id.into()),
                _ => None,
            },
            hint: key.hint,
            created_at: key.created_at.into(),
            expires_at: key.expires_at.map(Time::from),
            revoked_at: key.revoked_at.map(Time::from),
            last_used_at: key.last_used_at.map(Time::from),
            monthly_quota: key.monthly_quota,
            replaces: key.replaces.map(Into::into),
            replaced_by: key.replaced_by.map(Into::into),
        }
    }
}

impl From<Mode> for ward::identity::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Live => Self::Live,
            Mode::Test => Self::Test,
        }
    }
}
