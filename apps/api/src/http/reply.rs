//! Answers: a status, a JSON body, and for an idempotent request what is kept of them.

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload as _};
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::{ToJSON, Type};
use serde::{Deserialize, Serialize};

/// 200 with a body.
#[derive(Debug)]
pub(crate) struct Shown<T>(pub(crate) T);

/// 201 with a body.
#[derive(Debug)]
pub(crate) struct Created<T>(pub(crate) T);

/// 204.
#[derive(Debug)]
pub(crate) struct Done;

/// An answer as an idempotent request keeps it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Kept {
    status: u16,
    body: String,
}

/// What can be kept, and sent again.
pub(crate) trait Answer {
    fn kept(&self) -> Kept;
}

impl<T: ToJSON> Answer for Shown<T> {
    fn kept(&self) -> Kept {
        Kept { status: StatusCode::OK.as_u16(), body: self.0.to_json_string() }
    }
}

impl<T: ToJSON> Answer for Created<T> {
    fn kept(&self) -> Kept {
        Kept { status: StatusCode::CREATED.as_u16(), body: self.0.to_json_string() }
    }
}

impl Answer for Done {
    fn kept(&self) -> Kept {
        Kept { status: StatusCode::NO_CONTENT.as_u16(), body: String::new() }
    }
}

impl Kept {
    fn response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let response = Response::builder().status(status);
        if self.body.is_empty() {
            response.finish()
        } else {
            response.content_type("application/json").body(self.body)
        }
    }
}

/// Only for what was answered before.
impl IntoResponse for Kept {
    fn into_response(self) -> Response {
        self.response().with_header("idempotent-replayed", "true").into_response()
    }
}

impl<T: ToJSON + Send> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        self.kept().response()
    }
}

impl<T: ToJSON + Send> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        self.kept().response()
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        self.kept().response()
    }
}

fn meta<T: Type + Send>(status: u16, description: &'static str) -> MetaResponses {
    let content = MetaMediaType { content_type: "application/json", schema: Json::<T>::schema_ref() };
    MetaResponses {
        responses: vec![MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![content],
            headers: vec![],
        }],
    }
}

impl<T: ToJSON + Send> ApiResponse for Shown<T> {
    fn meta() -> MetaResponses {
        meta::<T>(200, "As asked.")
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ToJSON + Send> ApiResponse for Created<T> {
    fn meta() -> MetaResponses {
        meta::<T>(201, "It is stored, and so is the audit entry that explains it.")
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl ApiResponse for Done {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "It is done, and so is the audit entry that explains it.",
                status: Some(204),
                status_range: None,
                content: vec![],
                headers: vec![],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}

/// 200 with a page of a list, and where the next one is.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) page: T,
    /// The path and query of the next page.
    pub(crate) next: Option<String>,
}

impl<T: ToJSON + Send> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        let mut response = Shown(self.page).into_response();
        if let Some(value) = self.next.and_then(|next| format!("<{next}>; rel=\"next\"").parse().ok()) {
            response.headers_mut().insert(header::LINK, value);
        }
        response
    }
}

impl<T: ToJSON + Send> ApiResponse for Listed<T> {
    fn meta() -> MetaResponses {
        let mut meta = meta::<T>(200, "A page of the list.");
        let link = || MetaHeader {
            name: "Link".into(),
            description: Some("The next page, if there is one (RFC 8288).".into()),
            required: false,
            deprecated: false,
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
        };
        meta.responses.iter_mut().for_each(|response| response.headers.push(link()));
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
