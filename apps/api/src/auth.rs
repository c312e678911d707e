//! Who is calling. The tenant comes from the credential, never from the request.

use std::sync::Arc;

use poem::http::HeaderName;
use poem::{Request, Result};
use poem_openapi::SecurityScheme;
use poem_openapi::auth::ApiKey;
use sha2::{Digest as _, Sha256};
use ward::KeyHolder;
use ward::kernel::{Principal, Source, TenantId, authority};

use crate::app::App;
use crate::http::problem::Refused;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// How long an idempotency key is at most, quotes included.
const MOST: usize = 255;

/// An API key, which acts in one tenant only. An `Authorization` beside it is passed over.
#[derive(Clone, SecurityScheme)]
#[oai(rename = "ApiKey", ty = "api_key", key_name = "X-API-Key", key_in = "header", checker = "authenticate")]
pub(crate) struct Caller(pub(crate) Call);

impl Caller {
    /// The same in the sandbox of the caller's tenant: for what the tenant decides there, such as the end of a key.
    pub(crate) fn within(&self, sandbox: TenantId) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "a sandbox is its tenant's, and its tenant is the caller's"
        )]
        let who = Arc::new(authority::sandboxed(&self.0.who, sandbox));
        Self(Call { who, ..self.0.clone() })
    }
}

/// A request from somebody known.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) who: Arc<Principal>,
    /// The digest of the credential.
    pub(crate) credential: [u8; 32],
    /// The digest of the client's idempotency key, if it sent one.
    pub(crate) once: Option<[u8; 32]>,
}

async fn authenticate(request: &Request, key: ApiKey) -> Result<Call> {
    let app = request.data::<Arc<App>>().ok_or_else(Refused::unauthenticated)?;
    if request.headers().get_all(API_KEY).iter().count() > 1 {
        return Err(Refused::unauthenticated().into()); // whose request it is, nobody can say
    }
    let source = request.extensions().get::<Source>().cloned().unwrap_or_default();
    match principal(app, &key.key).await? {
        Some((who, credential)) => {
            if app.owing.holds(who.tenant()) {
                let detail = "people may be here who were erased, and the tenant's key that is needed to do so again can't be had";
                return Err(Refused::unavailable("erasures-unsettled", detail).into());
            }
            let mut caller = Caller(Call { who: Arc::new(who.from(source)), credential, once: None });
            // The gate comes before the work: nobody has a body read who isn't permitted the operation.
            if let Some(route) = app.routes.get().and_then(|routes| routes.find(request)) {
                tracing::Span::current().record("operation", route.operation.id);
                let _permitted = app.permit(&caller, route.operation).await?;
                route.check(request)?;
            }
            caller.0.once = idempotency_key(request)?;
            Ok(caller.0)
        }
        None => Err(Refused::unauthenticated().into()),
    }
}

async fn principal(app: &App, key: &str) -> Result<Option<(Principal, [u8; 32])>, Refused> {
    // A malformed key is refused before any work at the database.
    let Ok(secret) = app.profile.api_key.parse(key) else { return Ok(None) };
    let codes = app.store.credential_codes().await?;
    let now = app.clock().now();
    let Some((holder, digest)) = holder(app, secret.digests(codes)).await? else { return Ok(None) };
    Ok(Some(holder).filter(|holder| holder.is_good(now)).map(|holder| {
        let (grants, _) = app.policy.grants(holder.permissions.iter().map(String::as_str));
        app.usage.note(holder.id, now);
        #[expect(clippy::disallowed_methods, reason = "the key was just checked")]
        let who = authority::api_key(holder.tenant, holder.id, grants);
        (who, digest)
    }))
}

/// Whose credential it is, and the digest it is stored under: another than the first only while the deployment's key is followed.
async fn holder(app: &App, digests: Vec<[u8; 32]>) -> Result<Option<(KeyHolder, [u8; 32])>, Refused> {
    for digest in digests {
        if let Some(holder) = app.credentials.api_key(digest).await? {
            return Ok(Some((holder, digest)));
        }
    }
    Ok(None)
}

fn idempotency_key(request: &Request) -> Result<Option<[u8; 32]>, Refused> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match value.to_str().ok().and_then(word).filter(|_| values.next().is_none()) {
        Some(word) => Ok(Some(Sha256::digest(word).into())),
        None => Err(Refused::malformed("`Idempotency-Key` must be one word, quoted or bare")),
    }
}

/// [RFC 8941](https://www.rfc-editor.org/rfc/rfc8941#section-3.3.3) quotes it; bare, the same characters mean the same.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let printable = text.len() <= MOST && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let Some(quoted) = text.strip_prefix('"').filter(|_| printable) else {
        return Some(text.to_owned()).filter(|text| printable && !text.is_empty());
    };
    let (mut word, mut characters) = (String::new(), quoted.strip_suffix('"')?.chars());
    while let Some(character) = characters.next() {
        word.push(match character {
            '"' => return None,
            '\\' => characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?,
            other => other,
        });
    }
    Some(word).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn a_word_is_quoted_or_bare() {
        for (text, meant) in [
            ("a b", "a b"),
            (r#""a b""#, "a b"),
            (r#""a\"b\\""#, r#"a"b\"#),
            (r#"a"b\"#, r#"a"b\"#),
            (" a ", "a"),
        ] {
            assert_eq!(word(text).as_deref(), Some(meant), "{text}");
        }
        let long = "x".repeat(256);
        for text in ["", " ", r#"""#, r#""""#, r#""a"#, r#""a"b""#, r#""a\""#, r#""\a""#, "é", "a\tb", &long]
        {
            assert_eq!(word(text), None, "{text}");
        }
    }
}
