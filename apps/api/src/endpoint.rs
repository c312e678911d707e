//! The whole API as one endpoint.

use std::sync::Arc;

use poem::endpoint::make_sync;
use poem::http::header;
use poem::middleware::CatchPanic;
use poem::{Endpoint, EndpointExt as _, Response, Route, get};
use poem_openapi::OpenApiService;
use serde_json::Value;

use crate::app::App;
use crate::http::docs::{self, Document};
use crate::http::headers::Finish;
use crate::http::openapi::{self, Undeclared};
use crate::http::problem;
use crate::routes::Routes;
use crate::{
    api_key, audit_event, audit_export, audit_log, audit_value, claim, erasure, health, import, key, me,
    operations, record, rotation, subject, tenant, trust,
};

/// Every route; refuses an operation that the table doesn't know.
pub(crate) fn endpoint(app: Arc<App>) -> Result<impl Endpoint<Output = Response> + 'static, Undeclared> {
    let service = service(&app);
    let document = openapi::document(&service.spec(), operations::TABLE, &app.catalogue)?;
    let _first = app.routes.set(Routes::of(&document, operations::TABLE));
    let _first = app.document.set(document.clone());
    let reference = docs::reference(&service.swagger_ui_html(), &openapi::explained(&document));
    let routes = Route::new()
        .at("/openapi.json", get(json(&document)))
        .at("/docs", get(page(reference)))
        .nest("/", service);
    let caught = CatchPanic::new().with_handler(problem::panicked);
    Ok(routes.data(app.clone()).with(app.gate.clone()).with(caught).with(Finish(app)))
}

/// What operators are told on a listener of their own: health and readiness.
pub(crate) fn operators(app: Arc<App>) -> impl Endpoint<Output = Response> + 'static {
    let service = OpenApiService::new(health::Api(app.clone()), "Ward", env!("CARGO_PKG_VERSION"));
    Route::new().nest("/", service).with(Finish(app))
}

/// The OpenAPI document alone.
pub(crate) fn document(app: &Arc<App>) -> Result<Value, Undeclared> {
    openapi::document(&service(app).spec(), operations::TABLE, &app.catalogue)
}

fn service(app: &Arc<App>) -> OpenApiService<impl poem_openapi::OpenApi, ()> {
    let apis = (
        (health::Api(app.clone()), trust::Api(app.clone()), me::Api(app.clone()), tenant::Api(app.clone())),
        (
            api_key::Api(app.clone()),
            key::Api(app.clone()),
            subject::Api(app.clone()),
            erasure::Api(app.clone()),
            record::Api(app.clone()),
            import::Api(app.clone()),
            rotation::Api(app.clone()),
        ),
        (
            audit_event::Api(app.clone()),
            audit_value::Api(app.clone()),
            audit_log::Api(app.clone()),
            audit_export::Api(app.clone()),
            claim::Api(app.clone()),
        ),
    );
    OpenApiService::new(apis, "Ward", env!("CARGO_PKG_VERSION"))
        .description("Promises about data, kept and proven. Each operation says which permission it needs, which audit events it leaves, and which controls it serves.")
        .license(poem_openapi::LicenseObject::new("MIT OR Apache-2.0"))
}

fn json(document: &Value) -> impl Endpoint<Output = Response> + 'static {
    let text = document.to_string();
    make_sync(move |_| Response::builder().content_type("application/json").body(text.clone()))
}

fn page(document: Document) -> impl Endpoint<Output = Response> + 'static {
    make_sync(move |_| answer(&document))
}

/// A page under its own policy.
pub(crate) fn answer(document: &Document) -> Response {
    Response::builder()
        .content_type("text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, &document.policy)
        .body(document.html.clone())
}
