//! Who is calling. The tenant comes from the credential, never from the request.

use std::sync::Arc;

use poem::http::HeaderName;
use poem::{Request, Result};
use poem_openapi::SecurityScheme;
use poem_openapi::auth::ApiKey;
use sha2::{Digest as _, Sha256};
use ward::kernel::{Principal, Source, authority};

use crate::app::App;
use crate::http::problem::Refused;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// An API key, which acts in one tenant only.
#[derive(SecurityScheme)]
#[oai(rename = "ApiKey", ty = "api_key", key_name = "X-API-Key", key_in = "header", checker = "authenticate")]
pub(crate) struct Caller(pub(crate) Call);

/// A request from somebody known.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) who: Arc<Principal>,
    /// The digest of the client's idempotency key, if it sent one.
    pub(crate) once: Option<[u8; 32]>,
}

async fn authenticate(request: &Request, key: ApiKey) -> Result<Call> {
    let app = request.data::<Arc<App>>().ok_or_else(Refused::unauthenticated)?;
    let source = request.extensions().get::<Source>().cloned().unwrap_or_default();
    match principal(app, &key.key).await? {
        Some(who) => {
            let mut caller = Caller(Call { who: Arc::new(who.from(source)), once: None });
            // The gate comes before the work: nobody has a body read who isn't permitted the operation.
            if let Some(operation) = app.routes.get().and_then(|routes| routes.operation(request)) {
                let _permitted = app.permit(&caller, operation).await?;
            }
            caller.0.once = idempotency_key(request)?;
            Ok(caller.0)
        }
        None => {
            app.refusals.note(source.ip, app.clock().now());
            Err(Refused::unauthenticated().into())
        }
    }
}

async fn principal(app: &App, key: &str) -> Result<Option<Principal>, Refused> {
    // A malformed key is refused before any work at the database.
    let Ok(secret) = app.profile.api_key.parse(key) else { return Ok(None) };
    let digest = secret.digest(app.store.credential_code().await?);
    let now = app.clock().now();
    let holder = app.credentials.api_key(digest.0).await?.filter(|holder| holder.is_good(now));
    Ok(holder.map(|holder| {
        let (grants, _) = app.policy.grants(holder.permissions.iter().map(String::as_str));
        app.usage.note(holder.id, now);
        #[expect(clippy::disallowed_methods, reason = "the key was just checked")]
        authority::api_key(holder.tenant, holder.id, grants)
    }))
}

/// Quoted as [RFC 8941](https://www.rfc-editor.org/rfc/rfc8941#section-3.3.3) has it, or bare; the two mean the same.
fn idempotency_key(request: &Request) -> Result<Option<[u8; 32]>, Refused> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let sound = (1..=255).contains(&bare.len()) && bare.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !sound || values.next().is_some() {
        return Err(Refused::malformed(
            "`Idempotency-Key` must be one word of 1 to 255 printable characters",
        ));
    }
    Ok(Some(Sha256::digest(bare).into()))
}
