//! `/api-keys`

mod view;

use std::sync::Arc;

use chrono::TimeDelta;
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use uuid::Uuid;
use ward::audit::Event;
use ward::identity::Mint;
use ward::identity::api_key::{self, CREATE, LIST, REVOKE, ROTATE, Replacement, RevokeError, RotateError};
use ward::kernel::{ApiKeyId, Grants};

use crate::app::{Act, App};
use crate::auth::Caller;
use crate::http::body::Body;
use crate::http::given::{Cursor, Given, Limit};
use crate::http::page::Page;
use crate::http::problem::{Fault, Refused};
use crate::http::reply::{Created, Done, Listed};
use crate::tag::Tag;
use view::{IssuedKey, KeyList, KeyView, Mode, NewKey, Rotation};

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::ApiKeys")]
impl Api {
    /// Make an API key
    ///
    /// The key itself is shown this once, and kept as a keyed digest only; with an `Idempotency-Key` it is kept a day
    /// longer, sealed, within the answer. Nobody gives a key a permission that they don't hold.
    /// A test key works in the tenant's sandbox and nowhere else, and makes test keys for that sandbox only.
    #[oai(path = "/api-keys", method = "post", operation_id = "createApiKey")]
    async fn create(&self, caller: Caller, body: Body<NewKey>) -> Result<Created<IssuedKey>, Refused> {
        let mut act = self.0.begin(&caller, &CREATE, &body.digest).await?;

        body.check_bounds()?;
        let grants = self.0.known(&body.permissions)?;
        if let Err(denied) = self.0.policy.may_grant(&caller.0.who, &CREATE, grants) {
            drop(act);
            return Err(self.0.denied(denied).await);
        }
        if matches!(body.mode, Mode::Live) && act.current().await?.is_some_and(|own| own.live.is_some()) {
            return Err(Refused::at("/mode", "must be `test` in a sandbox"));
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
    /// Those that ended are listed too, and so are those that test keys made in the tenant's sandbox. No key can be read back.
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
        let sandbox = reading.tenant().await?.and_then(|own| own.sandbox);
        let mut keys = reading.list(page.after.map(Into::into), page.fetch()).await?;
        if let Some(sandbox) = sandbox {
            let mut reading = self.0.read(&caller.within(sandbox), &LIST).await?;
            keys.extend(reading.list(page.after.map(Into::into), page.fetch()).await?);
            keys.sort_unstable_by_key(|key| key.id);
        }

        let next_cursor = page.cut(&mut keys, |key| key.id.into());
        let next = next_cursor.as_deref().map(|cursor| page.next(request, cursor));
        let items = keys.into_iter().map(KeyView::from).collect();
        Ok(Listed { page: KeyList { items, next_cursor }, next })
    }

    /// Replace an API key by a new one
    ///
    /// The old one works on for the overlap, so that nothing stops while the new one is rolled out. A key made in a sandbox
    /// is replaced by its test keys alone; to others, the sandbox's owner too, there is none such.
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
    ///
    /// It may be one that a test key made in the tenant's sandbox, whose audit log then has the entry. Keys that it made
    /// itself, told by their `created_by`, go on.
    #[oai(path = "/api-keys/:id", method = "delete", operation_id = "revokeApiKey")]
    async fn revoke(&self, caller: Caller, id: Path<Uuid>) -> Result<Done, Refused> {
        let (id, now) = (ApiKeyId::from(id.0), self.0.clock().now());
        let mut act = self.0.begin(&caller, &REVOKE, &[0; 32]).await?;

        match api_key::revoke(&mut *act, id, now).await {
            Err(RevokeError::NotFound) => {}
            ended => return done(act, ended).await,
        }
        let sandbox = act.current().await?.and_then(|own| own.sandbox);
        let absent = act.absent(id);
        if let Some(sandbox) = sandbox {
            let mut act = self.0.begin(&caller.within(sandbox), &REVOKE, &[0; 32]).await?;
            match api_key::revoke(&mut *act, id, now).await {
                Err(RevokeError::NotFound) => {}
                ended => return done(act, ended).await,
            }
        }
        Err(self.0.absent(absent).await)
    }
}

async fn done(act: Act, ended: Result<Event, RevokeError>) -> Result<Done, Refused> {
    match ended {
        Ok(event) => act.commit(event, Done).await,
        Err(RevokeError::Already(_)) => Ok(Done),
        Err(RevokeError::Store(error)) => Err(error.into()),
        Err(error) => Err(Refused::logged(&error)),
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
