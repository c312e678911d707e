//! What every answer carries: the request's id, and the headers that keep browsers from guessing.

use std::sync::Arc;

use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::{Endpoint, IntoResponse, Middleware, PathPattern, Request, Response, Result};
use tracing::Instrument as _;
use ward::kernel::{Ids, Source, holds_card_number};

use crate::app::App;
use crate::http::problem::{self, Problem};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const FIXED: [(&str, &str); 7] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("strict-transport-security", "max-age=63072000; includeSubDomains; preload"),
    ("permissions-policy", POWERLESS),
];

/// No page uses what a browser asks its user for, nor what tells of the device
/// ([OWASP](https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers)).
const POWERLESS: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), display-capture=(), \
    encrypted-media=(), fullscreen=(), gamepad=(), geolocation=(), gyroscope=(), hid=(), \
    idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), \
    picture-in-picture=(), publickey-credentials-create=(), publickey-credentials-get=(), \
    screen-wake-lock=(), serial=(), speaker-selection=(), storage-access=(), usb=(), \
    window-management=(), xr-spatial-tracking=()";

const STRICTEST: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Names each request, and finishes each answer.
pub(crate) struct Finish(pub(crate) Arc<App>);

impl<E: Endpoint> Middleware<E> for Finish {
    type Output = Finished<E>;

    fn transform(&self, inner: E) -> Finished<E> {
        Finished { inner, app: self.0.clone() }
    }
}

pub(crate) struct Finished<E> {
    inner: E,
    app: Arc<App>,
}

impl<E: Endpoint> Endpoint for Finished<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let source = source(&request, &*self.app.machine);
        let (id, head) = (source.request.clone(), request.method() == poem::http::Method::HEAD);
        let ip = source.ip;
        let trace = request.headers().get(TRACEPARENT).filter(|_| source.trace.is_some()).cloned();
        request.extensions_mut().insert(source);
        let span = tracing::error_span!("request", id, operation = tracing::field::Empty);
        let mut response = match self.inner.call(request).instrument(span).await {
            Ok(response) => response.into_response(),
            Err(error) => {
                let pattern = error.data::<PathPattern>().cloned();
                let mut response = problem::answer(error).await;
                self.allow(&mut response, pattern);
                response
            }
        };
        if response.status() == StatusCode::UNAUTHORIZED {
            self.app.refusals.note(ip, self.app.clock().now());
        }
        name_instance(&mut response, &id, head);
        let headers = response.headers_mut();
        insert(headers, REQUEST_ID, &id);
        if let Some(trace) = trace {
            headers.insert(TRACEPARENT, trace);
        }
        for (name, value) in FIXED {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(STRICTEST));
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

impl<E> Finished<E> {
    /// 405 says which methods there are ([RFC 9110 §15.5.6](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6)).
    fn allow(&self, response: &mut Response, pattern: Option<PathPattern>) {
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            let routes = self.app.routes.get().zip(pattern);
            let methods = routes.map(|(routes, pattern)| routes.methods(&pattern.0)).unwrap_or_default();
            insert(response.headers_mut(), header::ALLOW, if methods.is_empty() { "GET" } else { &methods });
        }
    }
}

/// A problem names the request that met it.
fn name_instance(response: &mut Response, id: &str, head: bool) {
    let Some(mut problem) = response.extensions_mut().remove::<Problem>() else { return };
    problem.instance = Some(id.to_owned());
    if let Some(body) = serde_json::to_vec(&problem).ok().filter(|_| !head) {
        response.set_body(body);
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn source(request: &Request, ids: &dyn Ids) -> Source {
    let text = |name: &str, most: usize| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        let text = value?.chars().take(most).collect::<String>();
        Some(text).filter(|text| !text.is_empty() && !holds_card_number(text))
    };
    let request_id = text("x-request-id", 129).filter(|id| is_request_id(id));
    Source {
        ip: request.remote_addr().as_socket_addr().map(|address| address.ip()),
        user_agent: request.headers().get(header::USER_AGENT).and_then(user_agent),
        request: request_id.unwrap_or_else(|| ids.next().to_string()),
        trace: text("traceparent", 512).as_deref().and_then(trace_id),
    }
}

/// What begins a user agent that isn't ASCII, or begins so itself: what follows has an escape in the place of each other byte.
const ESCAPED: &str = "escaped: ";

/// The client's word for itself, cut off; nothing, where it holds a card number.
fn user_agent(value: &HeaderValue) -> Option<String> {
    let clear = String::from_utf8_lossy(value.as_bytes());
    let kept = match value.to_str() {
        Ok(text) if !text.starts_with(ESCAPED) => text.to_owned(),
        _ => format!("{ESCAPED}{}", value.as_bytes().escape_ascii()),
    };
    let kept: String = kept.chars().take(512).collect();
    Some(kept).filter(|text| !text.is_empty() && !holds_card_number(text) && !holds_card_number(&clear))
}

fn is_request_id(id: &str) -> bool {
    id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(&byte))
}

/// The trace id of a [W3C `traceparent`](https://www.w3.org/TR/trace-context/#traceparent-header).
fn trace_id(header: &str) -> Option<String> {
    let mut parts = header.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let nonzero = |text: &str| text.bytes().any(|byte| byte != b'0');
    let sound = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    let alone = version != "00" || parts.next().is_none();
    (sound && alone && nonzero(trace) && nonzero(parent)).then(|| trace.to_owned())
}

#[cfg(test)]
mod tests {
    use poem::Request;
    use poem::http::HeaderValue;

    use super::{source, trace_id, user_agent};
    use ward_system::System;

    #[test]
    fn no_header_that_holds_a_card_number_is_kept() {
        let of = |digits: &str| {
            let request = Request::builder()
                .header("x-request-id", format!("visit-{digits}"))
                .header("user-agent", format!("Clinic/{digits}"))
                .header("traceparent", format!("00-{digits}aaaaaaaaaaaaaaaa-b7ad6b7169203331-01"));
            source(&request.finish(), &System)
        };
        let (kept, refused) = (of("4111111111111112"), of("4111111111111111"));
        assert_eq!(kept.request, "visit-4111111111111112");
        assert!(kept.user_agent.is_some() && kept.trace.is_some());
        assert!(!format!("{refused:?}").contains("4111111111111111"), "{refused:?}");
    }

    #[test]
    fn a_user_agent_that_is_not_ascii_is_kept_escaped_and_marked() {
        let kept = |bytes: &[u8]| HeaderValue::from_bytes(bytes).ok().as_ref().and_then(user_agent);
        assert_eq!(kept(b"curl/8.0 (a\\b)").as_deref(), Some("curl/8.0 (a\\b)"));
        assert_eq!(kept("Praxis/ä".as_bytes()).as_deref(), Some("escaped: Praxis/\\xc3\\xa4"));
        assert_eq!(kept(b"a\\\xff").as_deref(), Some("escaped: a\\\\\\xff"));
        assert_eq!(kept(b"escaped: x").as_deref(), Some("escaped: escaped: x"), "nobody else marks one");
        assert_eq!(kept(&[0xff; 512]).map(|kept| kept.len()), Some(512));
        assert_eq!(kept("٤١١١١١١١١١١١١١١١".as_bytes()), None, "a card number in other digits");
        assert_eq!(kept(b""), None);
    }

    #[test]
    fn only_a_sound_traceparent_counts() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(trace_id(&format!("00-{id}-b7ad6b7169203331-01")).as_deref(), Some(id));
        for wrong in [
            format!("ff-{id}-b7ad6b7169203331-01"),
            format!("00-{id}-b7ad6b7169203331-01-x"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{id}-0000000000000000-01"),
            id.to_owned(),
        ] {
            assert_eq!(trace_id(&wrong), None, "{wrong}");
        }
    }
}
