//! The one refusal of the whole API: RFC 9457.

use std::any::Any;
use std::error::Error as StdError;

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::Object;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type as _;
use serde::Serialize;
use ward::audit::RecordError;
use ward::crypto::OpenError;
use ward::kernel::{InvalidText, StoreError};
use ward::rbac::{Denied, Reason};

use crate::custodian::is_dark;
use crate::http::given;
use crate::logs;

pub(crate) const CONTENT_TYPE: &str = "application/problem+json";

/// What went wrong, in words safe to show ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
#[derive(Clone, Debug, Object, Serialize)]
pub(crate) struct Problem {
    /// Names the kind of problem for good.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The kind, in words.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// This one, in a sentence.
    pub(crate) detail: String,
    /// The id of the request that met it.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<String>,
    /// What is wrong with the request, field by field.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) errors: Option<Vec<Fault>>,
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, Object, Serialize)]
pub(crate) struct Fault {
    /// Where, as a JSON Pointer into the body, or `?name` for a query parameter.
    pub(crate) pointer: String,
    /// What; never the value itself.
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(pointer: impl Into<String>, detail: impl ToString) -> Self {
        Self { pointer: pointer.into(), detail: detail.to_string() }
    }
}

/// Why there is no answer, or none but an earlier one.
#[derive(Debug)]
pub(crate) enum Refused {
    /// There is none, with the reason.
    Problem(Box<Problem>, Vec<(header::HeaderName, String)>),
    /// The same request was answered before.
    Replayed(Box<crate::http::reply::Kept>),
}

impl Refused {
    pub(crate) fn new(status: StatusCode, kind: &str, detail: impl ToString) -> Self {
        let title = status.canonical_reason().unwrap_or("Refused").to_owned();
        let (kind, status) = (format!("urn:ward:problem:{kind}"), status.as_u16());
        let problem =
            Problem { kind, title, status, detail: detail.to_string(), instance: None, errors: None };
        Self::Problem(Box::new(problem), Vec::new())
    }

    /// The last word of its type.
    pub(crate) fn kind(&self) -> Option<&str> {
        match self {
            Self::Problem(problem, _) => problem.kind.rsplit(':').next(),
            _ => None,
        }
    }

    pub(crate) fn malformed(detail: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    pub(crate) fn unauthenticated() -> Self {
        let refused = Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "a good credential is needed");
        refused.with(header::WWW_AUTHENTICATE, "ApiKey realm=\"ward\"")
    }

    pub(crate) fn absent() -> Self {
        Self::new(StatusCode::NOT_FOUND, "absent", "there is none")
    }

    pub(crate) fn conflict(kind: &str, detail: impl ToString) -> Self {
        Self::new(StatusCode::CONFLICT, kind, detail)
    }

    pub(crate) fn invalid(faults: Vec<Fault>) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        match Self::new(status, "invalid", "the request can't be so; see `errors`") {
            Self::Problem(mut problem, headers) => {
                problem.errors = Some(faults);
                Self::Problem(problem, headers)
            }
            other => other,
        }
    }

    pub(crate) fn at(pointer: &str, detail: impl ToString) -> Self {
        Self::invalid(vec![Fault::new(pointer, detail)])
    }

    /// For a change, or the part of it at `pointer`, that names nothing to change.
    pub(crate) fn nothing_named(pointer: &str) -> Self {
        Self::at(pointer, "must name at least one field")
    }

    /// For what may be asked again when something else has ended.
    pub(crate) fn too_many(kind: &str, detail: &str) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, kind, detail).with(header::RETRY_AFTER, "30")
    }

    pub(crate) fn unavailable(kind: &str, detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, detail).with(header::RETRY_AFTER, "5")
    }

    /// For what nobody can open: the tenant's key isn't to be had.
    pub(crate) fn dark() -> Self {
        let detail = "the tenant's key can't be had; nothing was changed or shown";
        Self::unavailable("key-unavailable", detail)
    }

    /// Fails closed: logs what happened, tells the caller nothing.
    pub(crate) fn logged(error: &(dyn StdError + 'static)) -> Self {
        tracing::error!(error = logs::causes(error), "failed closed");
        Self::unavailable("unavailable", "nothing was changed and nothing was shown")
    }

    pub(crate) fn with(self, name: header::HeaderName, value: &str) -> Self {
        match self {
            Self::Problem(problem, mut headers) => {
                headers.push((name, value.to_owned()));
                Self::Problem(problem, headers)
            }
            replayed => replayed,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem, headers) => {
                let status =
                    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let body = serde_json::to_vec(&problem).unwrap_or_default();
                let mut response = Response::builder().status(status).content_type(CONTENT_TYPE);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                let mut response = response.body(body);
                response.extensions_mut().insert(*problem);
                response
            }
            Self::Replayed(kept) => kept.into_response(),
        }
    }
}

impl From<Refused> for poem::Error {
    fn from(refused: Refused) -> Self {
        let response = refused.into_response();
        let problem = response.extensions().get::<Problem>().cloned();
        let mut error = Self::from_response(response);
        // An error's response takes the error's extensions, and loses its own.
        if let Some(problem) = problem {
            error.set_data(problem);
        }
        error
    }
}

impl poem_openapi::ApiResponse for Refused {
    fn meta() -> MetaResponses {
        let told = [
            (400, "The request is malformed."),
            (401, "No credential, or one that is not good."),
            (403, "The caller may not do this; the attempt is in the audit log."),
            (404, "There is none, or it is another tenant's: the two are never told apart."),
            (405, "The path doesn't know this method."),
            (409, "It contradicts what is there, or the same request is still under way."),
            (413, "The body is too large."),
            (415, "The body is of a type not taken here."),
            (422, "The request was understood and can't be so; `errors` says where."),
            (429, "As many are under way as there may be at once."),
            (503, "Ward could not keep its promises, so nothing was changed and nothing was shown."),
        ];
        let response = |(status, description)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType { content_type: CONTENT_TYPE, schema: Problem::schema_ref() }],
            headers: vec![],
        };
        MetaResponses { responses: told.into_iter().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        let detail = match denied.reason() {
            Reason::NotHeld => {
                "nobody grants a permission that they don't hold; the attempt is in the audit log"
            }
            _ => "not permitted; the attempt is in the audit log",
        };
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }
}

impl From<InvalidText> for Fault {
    fn from(error: InvalidText) -> Self {
        Self::new("", error)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            error @ StoreError::KeyUnavailable(_) => {
                let causes = logs::causes(&error);
                if is_dark(&error) {
                    tracing::debug!(error = causes, "a tenant's key can't be had"); // told when it began, once
                } else {
                    tracing::error!(error = causes, "a tenant's key can't be had");
                }
                Self::dark()
            }
            StoreError::Taken { constraint } if constraint.starts_with("idempotency") => in_flight(),
            StoreError::Taken { .. } => Self::conflict("taken", "it exists already"),
            error => Self::logged(&error),
        }
    }
}

pub(crate) fn in_flight() -> Refused {
    Refused::conflict("in-flight", "a request with this idempotency key is still under way")
}

impl From<RecordError> for Refused {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => error.into(),
            error => Self::logged(&error),
        }
    }
}

impl From<OpenError> for Refused {
    fn from(error: OpenError) -> Self {
        Self::logged(&error)
    }
}

/// Answers for a handler that panicked; what it said may hold anything, and is told to nobody.
pub(crate) fn panicked(_: Box<dyn Any + Send>) -> Response {
    Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "nothing was shown").into_response()
}

/// Answers what no handler refused: routing, parsing, and the security scheme.
pub(crate) async fn answer(error: poem::Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    if let Some(parameter) = error.downcast_ref::<poem_openapi::error::ParseParamError>() {
        let missing = parameter.reason.ends_with("expects an input value.");
        let other = if missing { "must be given" } else { "is not a value this parameter takes" };
        let fault = given::fault(&parameter.reason).unwrap_or(other);
        return Refused::at(&format!("?{}", parameter.name), fault).into_response();
    }
    if error.is::<poem_openapi::error::ParsePathError>() {
        return Refused::malformed("the id in the path is not written as one").into_response();
    }
    let status = error.status();
    let (kind, detail) = match status {
        StatusCode::UNAUTHORIZED => return Refused::unauthenticated().into_response(),
        StatusCode::NOT_FOUND => ("absent", "there is none"),
        StatusCode::METHOD_NOT_ALLOWED => ("method-not-allowed", "the path doesn't know this method"),
        StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupported-media-type", "the body's type is not taken here"),
        status if status.is_client_error() => ("malformed", "the request is malformed"),
        _ => {
            tracing::error!(%error, "failed closed");
            ("internal", "nothing was shown")
        }
    };
    Refused::new(status, kind, detail).into_response()
}

#[cfg(test)]
mod tests {
    use poem::endpoint::make_sync;
    use poem::middleware::CatchPanic;
    use poem::{Endpoint as _, EndpointExt as _, Request};

    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_for_and_not_quoted() {
        let broken = make_sync(|_| -> Response { panic!("s3cret") });
        let answer =
            broken.with(CatchPanic::new().with_handler(panicked)).call(Request::default()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.content_type(), Some(CONTENT_TYPE));
        assert!(!answer.into_body().into_string().await.unwrap().contains("s3cret"));
    }
}
