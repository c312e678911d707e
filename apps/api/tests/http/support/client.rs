use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::HOST;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Outcome, nobody};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Whoever calls, with one key or none; each request has a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    key: Option<String>,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Sent as `X-Request-Id`.
    pub(crate) id: String,
}

/// What was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Sorted, without the date.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The id of the request.
    pub(crate) id: String,
}

/// A request whose body is still being sent.
pub(crate) struct Stream {
    /// Sends a piece of the body; dropping it ends the body.
    pub(crate) body: mpsc::Sender<Bytes>,
    pub(crate) answer: Response<Incoming>,
    pub(crate) connection: JoinHandle<()>,
}

impl Ask {
    pub(crate) fn new(method: &str, path: impl Into<String>) -> Self {
        let method = method.to_uppercase().parse().expect("a method");
        Self { method, path: path.into(), headers: vec![], body: vec![], id: nobody().to_string() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn typed(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.header("content-type", content_type) }
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.typed("application/json", body.to_string())
    }

    /// Under the same id as another request, so that the two answers may be compared byte by byte.
    pub(crate) fn under_id(self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self }
    }

    fn head(&self, client: &Client) -> hyper::http::request::Builder {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.path);
        request = request.header(HOST, client.address.to_string()).header("x-request-id", &self.id);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(key) = &client.key {
            request = request.header("x-api-key", key);
        }
        request
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, key: Option<String>) -> Self {
        Self { address, key }
    }

    pub(crate) fn with_key(&self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self.clone() }
    }

    pub(crate) fn key(&self) -> &str {
        self.key.as_deref().unwrap_or_default()
    }

    pub(crate) async fn get(&self, path: &str) -> Outcome<Answer> {
        self.send(&Ask::new("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Outcome<Answer> {
        self.send(&Ask::new("POST", path).json(&body)).await
    }

    pub(crate) async fn send(&self, ask: &Ask) -> Outcome<Answer> {
        let body = Full::new(Bytes::from(ask.body.clone())).boxed_unsync();
        let (response, connection) = self.exchange(ask.head(self).body(body)?).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes().to_vec();
        connection.abort();
        let mut headers: Vec<_> = head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .filter(|(name, _)| name != "date")
            .collect();
        headers.sort();
        Ok(Answer { status: head.status.as_u16(), headers, body, id: ask.id.clone() })
    }

    /// Sends `first`, and resolves when the answer begins.
    pub(crate) async fn stream(&self, ask: &Ask, first: impl Into<Bytes>) -> Outcome<Stream> {
        let (body, pieces) = mpsc::channel::<Bytes>(8);
        body.send(first.into()).await?;
        let frames = futures::stream::unfold(pieces, |mut pieces| async {
            Some((Ok::<_, Infallible>(Frame::data(pieces.recv().await?)), pieces))
        });
        let request = ask.head(self).body(StreamBody::new(frames).boxed_unsync())?;
        let (answer, connection) = self.exchange(request).await?;
        Ok(Stream { body, answer, connection })
    }

    async fn exchange(&self, request: Request<Body>) -> Outcome<(Response<Incoming>, JoinHandle<()>)> {
        let stream = TokioIo::new(TcpStream::connect(self.address).await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        let connection = tokio::spawn(async move { drop(connection.await) });
        Ok((sender.send_request(request).await?, connection))
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body, if the status is `status`: otherwise a test can't go on.
    pub(crate) fn expect(&self, status: u16) -> Outcome<Value> {
        if self.status == status { Ok(self.json()) } else { Err(format!("{self:?} {}", self.text()).into()) }
    }

    /// The kind of problem, without what all kinds have in common.
    pub(crate) fn problem(&self) -> String {
        let kind = self.json()["type"].as_str().unwrap_or_default().to_owned();
        kind.trim_start_matches("urn:ward:problem:").to_owned()
    }
}
