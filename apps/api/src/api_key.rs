//! `/api-keys`

use std::sync::Arc;

use chrono::TimeDelta;
use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::{Enum, Object, OpenApi};
use serde::Deserialize;
use uuid::Uuid;
use ward::identity::api_key::{self, CREATE, LIST, REVOKE, ROTATE, Replacement, RevokeError, RotateError};
use ward::identity::{ApiKey, Issued, Mint};
use ward::kernel::{ApiKeyId, Grants};

use crate::app::App;
use crate::auth::Caller;
use crate::http::body::Body;
use crate::http::given::{Cursor, Given, Instant, Limit, Line};
use crate::http::page::Page;
use crate::http::problem::{Fault, Refused};
use crate::http::reply::{Created, Done, Listed};
use crate::http::time::Time;
use crate::tag::Tag;

const MOST_PERMISSIONS: usize = 256;

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::ApiKeys")]
impl Api {
    /// Make an API key
    ///
    /// The key itself is shown this once, and kept as a keyed digest only; with an `Idempotency-Key` it is kept a day
    /// longer, sealed, within the answer. Nobody gives a key a permission that they don't hold. A test key works in the tenant's sandbox and nowhere else.
    #[oai(path = "/api-keys", method = "post", operation_id = "createApiKey")]
    async fn create(&self, caller: Caller, body: Body<NewKey>) -> Result<Created<IssuedKey>, Refused> {
        let mut act = self.0.begin(&caller, &CREATE, &body.digest).await?;

        body.check_bounds()?;
        let grants = self.0.known(&body.permissions)?;
        if let Err(denied) = self.0.policy.may_grant(&caller.0.who, &CREATE, grants) {
            drop(act);
            return Err(self.0.denied(denied).await);
        }
        if matches!(body.mode, Mode::Test) && act.current().await?.is_some_and(|own| own.sandbox.is_none()) {
            return Err(Refused::conflict("no-sandbox", "a sandbox has no sandbox"));
        }
        let request = body.value.request(self.0.machine.next().into());
        let code = self.0.store.credential_code().await?;
        let mint = Mint { format: &self.0.profile.api_key, entropy: &*self.0.machine, code: &code };
        let by = (caller.0.who.actor().into(), self.0.clock().now());
        let (issued, event) = api_key::create(&mut *act, &CREATE, mint, request, by).await?;

        act.commit(event, Created(issued.into())).await
    }

    /// List the tenant's API keys
    ///
    /// Those that ended are listed too. No key can be read back.
    #[oai(path = "/api-keys", method = "get", operation_id = "listApiKeys")]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        /// How many, 1 to 200.
        limit: Query<Option<Given<Limit>>>,
        /// The `next_cursor` of an earlier page.
        cursor: Query<Option<Given<Cursor>>>,
    ) -> Result<Listed<KeyList>, Refused> {
        let page = Page::new(limit.0, cursor.0);

        let mut reading = self.0.read(&caller, &LIST).await?;
        let mut keys = reading.list(page.after.map(Into::into), page.fetch()).await?;

        let next_cursor = page.cut(&mut keys, |key| key.id.into());
        let next = next_cursor.as_deref().map(|cursor| page.next(request, cursor));
        let items = keys.into_iter().map(KeyView::from).collect();
        Ok(Listed { page: KeyList { items, next_cursor }, next })
    }

    /// Replace an API key by a new one
    ///
    /// The old one works on for the overlap, so that nothing stops while the new one is rolled out.
    #[oai(path = "/api-keys/:id/rotate", method = "post", operation_id = "rotateApiKey")]
    async fn rotate(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        body: Body<Rotation>,
    ) -> Result<Created<IssuedKey>, Refused> {
        let of = ApiKeyId::from(id.0);
        let mut act = self.0.begin(&caller, &ROTATE, &body.digest_with(id.0)).await?;

        let overlap = body.overlap_seconds.map_or(Replacement::OVERLAP, |s| TimeDelta::seconds(i64::from(s)));
        let replacement = Replacement { of, id: self.0.machine.next().into(), overlap };
        let code = self.0.store.credential_code().await?;
        let mint = Mint { format: &self.0.profile.api_key, entropy: &*self.0.machine, code: &code };
        let (by, now) = (caller.0.who.actor().into(), self.0.clock().now());
        match api_key::rotate(&mut *act, mint, replacement, by, now).await {
            Ok((issued, event)) => {
                let (grants, _) = self.0.policy.grants(issued.key.permissions.iter().map(String::as_str));
                if let Err(denied) = self.0.policy.may_grant(&caller.0.who, &ROTATE, grants) {
                    drop(act);
                    return Err(self.0.denied(denied).await);
                }
                act.commit(event, Created(issued.into())).await
            }
            Err(RotateError::NotFound) => Err(self.0.absent(act.absent(of)).await),
            Err(error) => Err(error.into()),
        }
    }

    /// End an API key, at once and for good
    #[oai(path = "/api-keys/:id", method = "delete", operation_id = "revokeApiKey")]
    async fn revoke(&self, caller: Caller, id: Path<Uuid>) -> Result<Done, Refused> {
        let id = ApiKeyId::from(id.0);
        let mut act = self.0.begin(&caller, &REVOKE, &[0; 32]).await?;

        match api_key::revoke(&mut *act, id, self.0.clock().now()).await {
            Ok(event) => act.commit(event, Done).await,
            Err(RevokeError::Already(_)) => Ok(Done),
            Err(RevokeError::NotFound) => Err(self.0.absent(act.absent(id)).await),
            Err(RevokeError::Store(error)) => Err(error.into()),
            Err(error) => Err(Refused::logged(&error)),
        }
    }
}

impl App {
    /// What `permissions` grant, if there are such permissions.
    fn known(&self, permissions: &[String]) -> Result<Grants, Refused> {
        let (grants, unknown) = self.policy.grants(permissions.iter().map(String::as_str));
        let wrong = permissions.iter().enumerate().filter(|(_, name)| unknown.contains(&name.as_str()));
        let wrong = wrong.map(|(n, _)| Fault::new(format!("/permissions/{n}"), "no such permission"));
        if unknown.is_empty() { Ok(grants) } else { Err(Refused::invalid(wrong.collect())) }
    }
}

/// A key to make.
#[derive(Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// What to call it.
    name: Given<Line<{ ApiKey::NAME }>>,
    /// Where it acts.
    mode: Mode,
    /// What it may do; each must be held by whoever makes it.
    #[oai(validator(max_items = 256))]
    permissions: Vec<String>,
    /// When it ends, at most two years ahead; never, if absent.
    expires_at: Option<Given<Instant>>,
    /// Requests a calendar month; any number, if absent. Kept, and not counted yet.
    #[oai(validator(minimum(value = "1"), maximum(value = "2147483647")))]
    monthly_quota: Option<u32>,
}

impl NewKey {
    /// The document's bounds that nothing else keeps.
    fn check_bounds(&self) -> Result<(), Refused> {
        if self.permissions.len() > MOST_PERMISSIONS {
            return Err(Refused::at("/permissions", format!("must be at most {MOST_PERMISSIONS}")));
        }
        if self.monthly_quota.is_some_and(|quota| i32::try_from(quota).is_err()) {
            return Err(Refused::at("/monthly_quota", format!("must be at most {}", i32::MAX)));
        }
        Ok(())
    }
}

/// How to replace a key.
#[derive(Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// For how long the old key works on, at most 30 days; a day, if absent.
    #[oai(validator(maximum(value = "2592000")))]
    overlap_seconds: Option<u32>,
}

/// Where a key acts.
#[derive(Clone, Copy, Deserialize, Enum)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// On the tenant's data.
    Live,
    /// In the tenant's sandbox only.
    Test,
}

/// A key just made: the only time it is shown.
#[derive(Object)]
struct IssuedKey {
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
struct KeyList {
    /// Oldest first.
    items: Vec<KeyView>,
    /// Leads to the next page.
    next_cursor: Option<String>,
}

/// A key, without the key.
#[derive(Object)]
#[oai(rename = "ApiKey")]
struct KeyView {
    /// Names it.
    id: Uuid,
    /// What is kept of it.
    #[oai(flatten)]
    kept: KeyFacts,
}

/// What is kept of a key.
#[derive(Object)]
struct KeyFacts {
    /// What it is called.
    name: String,
    /// Where it acts.
    mode: Mode,
    /// What it may do.
    permissions: Vec<String>,
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

impl NewKey {
    fn request(self, id: ApiKeyId) -> api_key::Request {
        let Self { name, mode, permissions, expires_at, monthly_quota } = self;
        let (name, expires_at) = (name.0, expires_at.map(|at| at.0));
        api_key::Request { id, name, mode: mode.into(), permissions, expires_at, monthly_quota }
    }
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

impl From<api_key::CreateError> for Refused {
    fn from(error: api_key::CreateError) -> Self {
        use api_key::CreateError;
        match error {
            CreateError::Name(error) => Self::at("/name", error),
            CreateError::Past | CreateError::Far => Self::at("/expires_at", error),
            CreateError::NoQuota => Self::at("/monthly_quota", error),
            CreateError::Store(error) => error.into(),
            error => Self::logged(&error),
        }
    }
}

impl From<RotateError> for Refused {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::NotFound => Self::absent(),
            RotateError::Overlap => Self::at("/overlap_seconds", error),
            RotateError::Store(error) => error.into(),
            error => Self::conflict("ended", error),
        }
    }
}
