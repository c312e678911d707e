use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::{future, io};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::kms::{self, Failure, NoKms};

/// Stands before a KMS and passes on what both sides say, until it is told to answer otherwise. It counts what is asked.
#[derive(Debug)]
pub struct FaultyKms {
    address: SocketAddr,
    state: Arc<State>,
    server: Option<Runtime>,
}

/// What a KMS answers that doesn't answer as usual.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It refuses in this word of KMS's, with status 400.
    Says(&'static str),
    /// The same with status 500.
    Fails(&'static str),
    /// Nothing, and the connection stays open.
    Silence,
    /// What is no answer of KMS's, with status 200.
    Garbage,
    /// The right answer, with more beside it than anybody should read.
    Flood,
    /// A page of somebody else's, with status 403.
    Page,
    /// The way to another place, where the right answer is.
    Redirect,
    /// The first half of the right answer.
    Half,
    /// The right answer but for its last byte, as if that were all.
    Torn,
    /// It breaks the connection off.
    Reset,
    /// The right answer, with a tenant's key in it that nobody wrapped.
    ForeignKey,
    /// The right answer, with fewer bytes than a tenant's key has.
    ShortKey,
    /// The right answer, as that of another key.
    OtherArn,
    /// A ciphertext that is longer than KMS makes any.
    LongBlob,
}

impl Fault {
    /// The key is disabled.
    pub const DISABLED: Self = Self::Says("DisabledException");
    /// The key is to be deleted.
    pub const PENDING_DELETION: Self = Self::Says("KMSInvalidStateException");
    /// The key's policy doesn't let the caller.
    pub const DENIED: Self = Self::Says("AccessDeniedException");
    /// There are too many requests.
    pub const THROTTLED: Self = Self::Says("ThrottlingException");
    /// KMS is out of order.
    pub const INTERNAL: Self = Self::Fails("KMSInternalException");
}

#[derive(Debug)]
struct State {
    behind: SocketAddr,
    fault: Mutex<Option<(Fault, Option<&'static str>)>>,
    counted: Mutex<BTreeMap<String, usize>>,
}

type Answer = Response<BoxBody<Bytes, io::Error>>;

const JSON: &str = "application/x-amz-json-1.1";
/// `0x01 ‖ 0x01 … 0x20` and `0x01 0x02 0x03`.
const FOREIGN_KEY: &str = "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";
const SHORT_KEY: &str = "AQID";
const OTHER_ARN: &str = "arn:aws:kms:eu-central-1:999999999999:key/00000000-0000-0000-0000-000000000000";

impl FaultyKms {
    /// Starts one before the KMS that listens at `behind`.
    pub fn before(behind: SocketAddr) -> Result<Self, NoKms> {
        let state = State { behind, fault: Mutex::default(), counted: Mutex::default() };
        Self::serve(Arc::new(state)).map_err(|error| NoKms(error.into()))
    }

    /// What a client is told: credentials, region, endpoint.
    pub fn settings(&self) -> Vec<(String, String)> {
        kms::settings(self.address)
    }

    /// Has it answer everything so from now on.
    pub fn fail(&self, fault: Fault) {
        *locked(&self.state.fault) = Some((fault, None));
    }

    /// Has it answer one operation so, such as `Decrypt`, and pass on the others.
    pub fn fail_at(&self, operation: &'static str, fault: Fault) {
        *locked(&self.state.fault) = Some((fault, Some(operation)));
    }

    /// Has it pass on everything again.
    pub fn heal(&self) {
        *locked(&self.state.fault) = None;
    }

    /// How often each operation was asked for so far.
    pub fn counted(&self) -> BTreeMap<String, usize> {
        locked(&self.state.counted).clone()
    }

    fn serve(state: Arc<State>) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        server.spawn(accept(listener, state.clone()));
        Ok(Self { address, state, server: Some(server) })
    }
}

impl Drop for FaultyKms {
    fn drop(&mut self) {
        self.server.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (socket, _) = listener.accept().await?;
        let state = state.clone();
        let answer = service_fn(move |asked| answer(asked, state.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), answer));
    }
}

/// An error breaks the connection off.
async fn answer(asked: Request<Incoming>, state: Arc<State>) -> Result<Answer, Failure> {
    let operation = asked.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = operation.and_then(|target| target.rsplit('.').next()).unwrap_or_default().to_owned();
    *locked(&state.counted).entry(operation.clone()).or_default() += 1;
    let (head, body) = asked.into_parts();
    let asked = Request::from_parts(head, Full::new(body.collect().await?.to_bytes()));
    let fault = *locked(&state.fault);
    match fault.filter(|(_, at)| at.is_none_or(|at| at == operation)) {
        None => Ok(kms::exchange(state.behind, asked).await?.map(whole)),
        Some((fault, _)) => fault.answer(state.behind, asked).await,
    }
}

impl Fault {
    async fn answer(self, behind: SocketAddr, asked: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let right = kms::exchange(behind, asked);
        match self {
            Self::Says(word) => {
                said(StatusCode::BAD_REQUEST, json!({ "__type": word, "message": "no" }).to_string())
            }
            Self::Fails(word) => said(
                StatusCode::INTERNAL_SERVER_ERROR,
                json!({ "__type": word, "message": "no" }).to_string(),
            ),
            Self::Silence => future::pending().await,
            Self::Garbage => said(StatusCode::OK, "<html>not found</html>".to_owned()),
            Self::Flood => flood(right.await?),
            Self::Page => said(StatusCode::FORBIDDEN, "<html>not here</html>".to_owned()),
            Self::Redirect => {
                let moved = Response::builder().status(StatusCode::TEMPORARY_REDIRECT);
                Ok(moved.header(LOCATION, format!("http://{behind}/")).body(whole(Bytes::new()))?)
            }
            Self::Half => half(right.await?),
            Self::Torn => torn(right.await?),
            Self::Reset => Err("broken off".into()),
            Self::ForeignKey => changed(right.await?, "Plaintext", FOREIGN_KEY),
            Self::ShortKey => changed(right.await?, "Plaintext", SHORT_KEY),
            Self::OtherArn => other_arn(right.await?),
            Self::LongBlob => changed(right.await?, "CiphertextBlob", &"AAAA".repeat(2049)),
        }
    }
}

fn said(status: StatusCode, text: String) -> Result<Answer, Failure> {
    Ok(Response::builder().status(status).header("content-type", JSON).body(whole(text.into()))?)
}

/// The answer with another text in one field, if it has that field.
fn changed(right: Response<Bytes>, field: &str, to: &str) -> Result<Answer, Failure> {
    let mut value: Value = serde_json::from_slice(right.body())?;
    if let Some(found) = value.get_mut(field) {
        *found = to.into();
    }
    said(right.status(), value.to_string())
}

fn flood(right: Response<Bytes>) -> Result<Answer, Failure> {
    let mut value: Value = serde_json::from_slice(right.body())?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("More".to_owned(), "A".repeat(1 << 20).into());
    }
    said(right.status(), value.to_string())
}

fn other_arn(right: Response<Bytes>) -> Result<Answer, Failure> {
    let mut value: Value = serde_json::from_slice(right.body())?;
    for place in ["/KeyId", "/KeyMetadata/Arn"] {
        if let Some(found) = value.pointer_mut(place) {
            *found = OTHER_ARN.into();
        }
    }
    said(right.status(), value.to_string())
}

fn half(right: Response<Bytes>) -> Result<Answer, Failure> {
    let (length, sent) = (right.body().len(), right.body().slice(..right.body().len() / 2));
    let answer = Response::builder().status(right.status()).header(CONTENT_LENGTH, length);
    Ok(answer.header("content-type", JSON).body(Half(Some(sent)).boxed())?)
}

fn torn(right: Response<Bytes>) -> Result<Answer, Failure> {
    let mut text = String::from_utf8(right.body().to_vec())?;
    text.pop();
    said(right.status(), text)
}

/// What is there, and then the end of the connection.
struct Half(Option<Bytes>);

impl Body for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let end = || io::Error::other("broken off");
        Poll::Ready(Some(self.0.take().map(Frame::data).ok_or_else(end)))
    }
}

fn whole(bytes: Bytes) -> BoxBody<Bytes, io::Error> {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed()
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
