use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::builderstates::WantsSchemes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use ward::audit::note::{KeyKind, Note, Signature, VerifierKey};
use ward::audit::tree::Hash;
use ward::audit::witness::{AddCheckpoint, Refusal, Witness, WitnessError, cosignatures};

/// A witness that takes longer for its whole answer gives none.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of an answer, no more is read: a hundred signatures are shorter.
const MOST: usize = 64 << 10;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A witness at an address, known by its keys.
#[derive(Debug)]
pub struct HttpWitness {
    url: Uri,
    keys: Vec<VerifierKey>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// A witness that can't be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidWitness {
    /// It has no `http` or `https` address.
    #[error("a witness has an `http://` or `https://` address without a query")]
    Url,
    /// What it signs would not be known as its own.
    #[error("a witness has a key for cosignatures, and no other")]
    Key,
    /// Nobody says which certificates to believe.
    #[error("the machine's root certificates can't be read")]
    Roots(#[source] std::io::Error),
    /// There is no TLS to be had.
    #[error("TLS can't be spoken")]
    Tls(#[source] rustls::Error),
}

impl HttpWitness {
    /// The witness behind the submission prefix `url`, whose word is a cosignature of one of `keys`. Over TLS it is who it is where
    /// the machine's root certificates say so.
    pub fn new(url: &str, keys: Vec<VerifierKey>) -> Result<Self, InvalidWitness> {
        if !url.starts_with("https:") {
            return Self::with_roots(RootCertStore::empty(), url, keys); // the machine may have none
        }
        let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(ring::default_provider());
        Self::over(builder.map_err(InvalidWitness::Roots)?, url, keys)
    }

    /// The same, where a certificate of `roots` says so and no other.
    pub fn with_roots(
        roots: RootCertStore,
        url: &str,
        keys: Vec<VerifierKey>,
    ) -> Result<Self, InvalidWitness> {
        let tls = ClientConfig::builder_with_provider(ring::default_provider().into());
        let tls = tls.with_safe_default_protocol_versions().map_err(InvalidWitness::Tls)?;
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        Self::over(HttpsConnectorBuilder::new().with_tls_config(tls), url, keys)
    }

    fn over(
        builder: HttpsConnectorBuilder<WantsSchemes>,
        url: &str,
        keys: Vec<VerifierKey>,
    ) -> Result<Self, InvalidWitness> {
        let url: Uri = format!("{}/add-checkpoint", url.trim_end_matches('/'))
            .parse()
            .map_err(|_| InvalidWitness::Url)?;
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.query().is_some() {
            return Err(InvalidWitness::Url);
        }
        if keys.is_empty() || keys.iter().any(|key| key.kind() != KeyKind::Cosignature) {
            return Err(InvalidWitness::Key);
        }
        let connector = builder.https_or_http().enable_http1().build();
        Ok(Self { url, keys, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    async fn exchange(&self, request: String) -> Result<Answer, Failure> {
        let request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Full::from(request))?;
        Answer::read(self.client.request(request).await?).await
    }
}

#[async_trait]
impl Witness for HttpWitness {
    async fn add_checkpoint(
        &self,
        old: u64,
        proof: &[Hash],
        checkpoint: &Note,
    ) -> Result<Vec<Signature>, WitnessError> {
        let request = AddCheckpoint { old, proof: proof.to_vec(), checkpoint: checkpoint.clone() };
        let answer = tokio::time::timeout(PATIENCE, self.exchange(request.to_string())).await;
        let answer = answer.map_err(Failure::from).flatten().map_err(WitnessError::Unavailable)?;
        let refusal = match answer.status {
            StatusCode::OK => return Ok(cosignatures(checkpoint, &answer.text, &self.keys)?),
            StatusCode::BAD_REQUEST => Refusal::Malformed,
            StatusCode::FORBIDDEN => Refusal::Untrusted,
            StatusCode::NOT_FOUND => Refusal::Unknown,
            StatusCode::CONFLICT => Refusal::Behind { size: answer.size()? },
            StatusCode::UNPROCESSABLE_ENTITY => Refusal::Inconsistent,
            _ => return Err(answer.strange()),
        };
        Err(refusal.into())
    }
}

/// What was answered, read whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

/// An answer that the protocol doesn't have.
#[derive(Debug, thiserror::Error)]
#[error("answered with status {0}, and not as the protocol says")]
struct Strange(StatusCode);

impl Answer {
    async fn read(response: Response<Incoming>) -> Result<Self, Failure> {
        let (head, body) = response.into_parts();
        let bytes = Limited::new(body, MOST).collect().await?.to_bytes();
        Ok(Self { status: head.status, headers: head.headers, text: String::from_utf8(bytes.into())? })
    }

    /// How many entries the witness says to have seen.
    fn size(&self) -> Result<u64, WitnessError> {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let size = self.text.strip_suffix('\n').and_then(|size| size.parse().ok());
        size.filter(|_| kind == Some("text/x.tlog.size")).ok_or_else(|| self.strange())
    }

    fn strange(&self) -> WitnessError {
        WitnessError::Unavailable(Strange(self.status).into())
    }
}
