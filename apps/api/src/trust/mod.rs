//! `/trust` and `/trust.json`

mod html;
mod page;
mod row;
mod summary;
mod words;

use std::sync::Arc;

use poem::{IntoResponse, Request, Response};
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::{Object, OpenApi};

use crate::app::App;
use crate::claim::{ClaimKind, ClaimStatus, ClaimView};
use crate::endpoint;
use crate::http::docs::Document;
use crate::http::problem::Refused;
use crate::http::reply::Shown;
use crate::http::time::Time;
use crate::tag::Tag;

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(tag = "Tag::Assurance")]
impl Api {
    /// Draw the trust page
    ///
    /// Every green row is a check that ran against this system within its interval, and passed.
    /// Parameters that somebody added to the link are ignored.
    #[oai(path = "/trust", method = "get", operation_id = "trustPage")]
    async fn page(&self) -> Result<Page, Refused> {
        Ok(Page(page::render(&self.document().await?)))
    }

    /// The trust page as data
    #[oai(path = "/trust.json", method = "get", operation_id = "trustDocument")]
    async fn data(&self, request: &Request) -> Result<Shown<TrustDocument>, Refused> {
        if let Some(route) = self.0.routes.get().and_then(|routes| routes.find(request)) {
            route.check(request)?;
        }
        Ok(Shown(self.document().await?))
    }
}

impl Api {
    async fn document(&self) -> Result<TrustDocument, Refused> {
        let (profile, title) = (self.0.profile.name.clone(), self.0.profile.title.clone());
        Ok(TrustDocument {
            profile,
            title,
            generated_at: self.0.clock().now().into(),
            claims: self.0.claims().await?,
        })
    }
}

/// The trust page as data.
#[derive(Debug, Object)]
pub(crate) struct TrustDocument {
    /// Which promises.
    pub(crate) profile: String,
    /// The page's title.
    pub(crate) title: String,
    /// When the statuses were computed.
    pub(crate) generated_at: Time,
    /// What is promised.
    pub(crate) claims: Vec<ClaimView>,
}

/// A page under its own policy.
struct Page(Document);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        endpoint::answer(&self.0)
    }
}

impl poem_openapi::ApiResponse for Page {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let content = vec![MetaMediaType { content_type: "text/html; charset=utf-8", schema }];
        let description = "The page; it needs no script.";
        let response =
            MetaResponse { description, status: Some(200), status_range: None, content, headers: vec![] };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}
