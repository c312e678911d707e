//! What a customer sees: requests to Ward's own listener, over the network stack.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

const MOST: usize = 4 << 20;
/// An answer that takes longer is none: checks take turns.
const PATIENCE: Duration = Duration::from_secs(15);

/// One tenant's view of the API.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    key: String,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Without what differs between any two answers: the request's id.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
#[error("the API did not answer")]
pub(crate) struct NoAnswer(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Client {
    /// A client of the listener at `address` that holds `key`.
    pub(crate) fn new(address: SocketAddr, key: String) -> Self {
        Self { address, key }
    }

    /// The same client with another key.
    pub(crate) fn with_key(&self, key: String) -> Self {
        Self { key, ..self.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.send(Method::GET, path, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Answer, NoAnswer> {
        self.send(Method::POST, path, Some(body), &[]).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Result<Answer, NoAnswer> {
        self.send(Method::PATCH, path, Some(body), &[]).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.send(Method::DELETE, path, None, &[]).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&'static str, &str)],
    ) -> Result<Answer, NoAnswer> {
        let exchange = self.exchange(method, path, body, headers);
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(answer) => answer.map_err(NoAnswer),
            Err(late) => Err(NoAnswer(Box::new(late))),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&'static str, &str)],
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, self.address.to_string());
        request = request.header("x-api-key", &self.key);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = request.body(Full::new(bytes))?;

        let stream = TokioIo::new(TcpStream::connect(self.address).await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MOST).collect().await?.to_bytes();
        connection.abort();

        let mut headers: Vec<_> = head.headers.iter().map(header).collect();
        headers.retain(|(name, _)| !matches!(name.as_str(), "x-request-id" | "date" | "content-length"));
        headers.sort();
        Ok(Answer { status: head.status, headers, body: json(&body) })
    }
}

impl Answer {
    /// The same, whichever request was answered.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let body = |answer: &Self| {
            let mut body = answer.body.clone();
            body.as_object_mut().and_then(|problem| problem.remove("instance"));
            body
        };
        self.status == other.status && self.headers == other.headers && body(self) == body(other)
    }

    /// A word of the body.
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer).and_then(Value::as_str)
    }
}

fn header((name, value): (&hyper::header::HeaderName, &HeaderValue)) -> (String, String) {
    (name.to_string(), value.to_str().unwrap_or_default().to_owned())
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}
