use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ward::{Batch, Sink, Untaken};

use crate::{Authorities, Unusable};

/// A collector that takes longer for a batch didn't take it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of an answer, no more is read, and nothing of it is believed but its status.
const MOST: usize = 64 << 10;

/// A collector that takes batches of lines over HTTP.
pub struct HttpBatches {
    url: Uri,
    authorization: Option<PathBuf>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// How a batch fails.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the file with the authorization can't be read, or doesn't hold one")]
    Authorization,
    #[error("the collector answered with status {0}")]
    Status(StatusCode),
    #[error("the collector took too long")]
    Late,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl HttpBatches {
    /// The collector at `url`, known by the certificate that one of the authorities gave it. What the file `authorization` holds when a
    /// batch is sent is its `Authorization`.
    pub fn new(
        url: &str,
        authorities: &Authorities,
        authorization: Option<PathBuf>,
    ) -> Result<Self, Unusable> {
        let url: Uri = url.parse().map_err(|_| Unusable::Url)?;
        let here = matches!(url.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let builder = match url.scheme_str() {
            Some("https") => HttpsConnectorBuilder::new().with_tls_config(authorities.client()?),
            Some("http") if here => HttpsConnectorBuilder::new().with_tls_config(authorities.client()?),
            _ => return Err(Unusable::Url),
        };
        if url.query().is_some() {
            return Err(Unusable::Url);
        }
        let connector = builder.https_or_http().enable_http1().build();
        Ok(Self { url, authorization, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    fn request(&self, batch: &Batch) -> Result<Request<Full<Bytes>>, Failure> {
        let body: String = batch.lines.iter().flat_map(|line| [line, "\n"]).collect();
        let request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "application/x-ndjson")
            .header("idempotency-key", format!("\"{}\"", batch.id));
        let Some(file) = &self.authorization else { return Ok(request.body(body.into())?) };
        let text = std::fs::read_to_string(file).map_err(|_| Failed::Authorization)?;
        let mut value = HeaderValue::from_str(text.trim()).map_err(|_| Failed::Authorization)?;
        value.set_sensitive(true);
        Ok(request.header(AUTHORIZATION, value).body(body.into())?)
    }

    async fn send(&self, batch: &Batch) -> Result<(), Failure> {
        let (head, body) = self.client.request(self.request(batch)?).await?.into_parts();
        // Read, so that the connection serves again.
        Limited::new(body, MOST).collect().await?;
        if head.status.is_success() { Ok(()) } else { Err(Failed::Status(head.status).into()) }
    }
}

#[async_trait]
impl Sink for HttpBatches {
    async fn take(&self, batch: &Batch) -> Result<(), Untaken> {
        let sent = tokio::time::timeout(PATIENCE, self.send(batch)).await;
        sent.unwrap_or_else(|_| Err(Failed::Late.into())).map_err(Untaken)
    }
}
