use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Limited};
use hyper::Response;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use object_store::client::{
    ClientConfigKey, ClientOptions, HttpClient, HttpConnector as Connect, HttpError, HttpErrorKind,
    HttpRequest, HttpRequestBody, HttpResponse, HttpService,
};
use rustls::crypto::ring;

/// A store that takes longer for its whole answer gives none.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of an answer, no more is read.
const MOST: usize = 1 << 20;

/// Reaches stores over TLS, where the machine's root certificates say who they are, and in clear where the settings allow it. It
/// follows no redirect and asks no proxy.
#[derive(Debug)]
pub(crate) struct Connector;

#[derive(Debug)]
struct Service(Client<HttpsConnector<HttpConnector>, HttpRequestBody>);

impl Connect for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let builder = HttpsConnectorBuilder::new();
        let builder = builder.with_provider_and_native_roots(ring::default_provider());
        let builder =
            builder.map_err(|error| object_store::Error::Generic { store: "S3", source: error.into() })?;
        let in_clear = options.get_config_value(&ClientConfigKey::AllowHttp).as_deref() == Some("true");
        let builder = if in_clear { builder.https_or_http() } else { builder.https_only() };
        Ok(HttpClient::new(Service(
            Client::builder(TokioExecutor::new()).build(builder.enable_http1().build()),
        )))
    }
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answered = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        answered.unwrap_or_else(|late| Err(HttpError::new(HttpErrorKind::Timeout, late)))
    }
}

impl Service {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let sent = self.0.request(request).await;
        let (head, body) = sent.map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?.into_parts();
        let body = Limited::new(body, MOST).collect().await;
        let body = body.map_err(|error| HttpError::new_boxed(HttpErrorKind::Interrupted, error))?;
        Ok(Response::from_parts(head, body.to_bytes().into()))
    }
}
