use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::version::TLS12;
use rustls::{DEFAULT_VERSIONS, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// A collector of logs on this machine, which remembers what it was sent over TLS. Its certificate is one of an authority of its own.
pub struct Collector {
    speaks: Protocol,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    authority: PathBuf,
    taken: Taken,
    server: Option<Runtime>,
}

/// What a collector speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// Syslog over TLS ([RFC 5425](https://www.rfc-editor.org/rfc/rfc5425)).
    Syslog,
    /// Lines in the bodies of HTTP requests, from whoever has the [authorization](Collector::AUTHORIZATION).
    Http,
}

/// There is no collector to be had.
#[derive(Debug, thiserror::Error)]
#[error("the collector doesn't start")]
pub struct NoCollector(#[source] Failure);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Messages in the order in which they came, and how many more are taken before the receiver dies of one.
type Taken = Arc<Mutex<(Vec<String>, Option<usize>)>>;

impl Collector {
    /// What requests must bring, over HTTP.
    pub const AUTHORIZATION: &str = "Bearer of-logs";

    /// Starts one, and writes the certificate of its authority into a directory.
    pub fn start(speaks: Protocol, directory: &Path) -> Result<Self, NoCollector> {
        Self::make(speaks, directory, DEFAULT_VERSIONS).map_err(NoCollector)
    }

    /// The same, of those that know no TLS after 1.2.
    pub fn start_old(speaks: Protocol, directory: &Path) -> Result<Self, NoCollector> {
        Self::make(speaks, directory, &[&TLS12]).map_err(NoCollector)
    }

    /// The PEM file of the authority that vouches for it.
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All messages that it took so far.
    pub fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Has it break off every connection, unanswered, after so many messages more.
    pub fn fails_after(&self, messages: usize) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(messages);
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.server.take().into_iter().for_each(Runtime::shutdown_background);
    }

    /// Starts it where it was before, and healed.
    pub fn start_again(&mut self) -> Result<(), NoCollector> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).1 = None;
        self.serve().map_err(|error| NoCollector(error.into()))
    }

    fn make(
        speaks: Protocol,
        directory: &Path,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Self, Failure> {
        let mut root = CertificateParams::new(Vec::new())?;
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let own =
            CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()])?.signed_by(&key, &root)?;
        let tls = ServerConfig::builder_with_provider(ring::default_provider().into());
        let tls = tls.with_protocol_versions(versions)?.with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der())?;
        let tls = tls.with_single_cert(vec![own.der().clone()], key)?;
        let authority = directory.join("authority.pem");
        std::fs::write(&authority, root.pem())?;
        let mut collector = Self {
            speaks,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            acceptor: Arc::new(tls).into(),
            authority,
            taken: Taken::default(),
            server: None,
        };
        collector.serve()?;
        Ok(collector)
    }

    fn serve(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address)?;
        listener.set_nonblocking(true)?;
        self.address = listener.local_addr()?;
        let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        server.spawn(accept(listener, self.speaks, self.acceptor.clone(), self.taken.clone()));
        self.server = Some(server);
        Ok(())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn accept(
    listener: TcpListener,
    speaks: Protocol,
    acceptor: TlsAcceptor,
    taken: Taken,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (socket, _) = listener.accept().await?;
        let (acceptor, taken) = (acceptor.clone(), taken.clone());
        match speaks {
            Protocol::Syslog => drop(tokio::spawn(receive(socket, acceptor, taken))),
            Protocol::Http => drop(tokio::spawn(serve(socket, acceptor, taken))),
        }
    }
}

/// Takes a message, unless it is the one of which the collector dies.
fn take(message: String, taken: &Taken) -> io::Result<()> {
    let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
    let (messages, left) = &mut *taken;
    match left {
        Some(0) => return Err(io::Error::other("it fails")),
        Some(left) => *left -= 1,
        None => {}
    }
    messages.push(message);
    Ok(())
}

/// Takes one connection's messages, and answers its end with its own.
async fn receive(socket: TcpStream, acceptor: TlsAcceptor, taken: Taken) -> io::Result<()> {
    let mut stream = acceptor.accept(socket).await?;
    while let Some(message) = message(&mut stream).await? {
        take(message, &taken)?;
    }
    stream.shutdown().await
}

/// Takes the lines of one connection's requests.
async fn serve(socket: TcpStream, acceptor: TlsAcceptor, taken: Taken) -> io::Result<()> {
    let stream = acceptor.accept(socket).await?;
    let answer = service_fn(|request: Request<Incoming>| {
        let taken = taken.clone();
        async move {
            let mut answer = Response::new(String::new());
            if request.headers().get(AUTHORIZATION).is_none_or(|word| word != Collector::AUTHORIZATION) {
                *answer.status_mut() = StatusCode::UNAUTHORIZED;
                return Ok::<_, io::Error>(answer);
            }
            let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
            for line in str::from_utf8(&body).map_err(io::Error::other)?.lines() {
                take(line.to_owned(), &taken)?;
            }
            Ok(answer)
        }
    });
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
    served.await.map_err(io::Error::other)
}

/// `MSG-LEN SP SYSLOG-MSG`; nothing at a proper end.
async fn message(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<String>> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut length = String::new();
    loop {
        let mut byte = [0];
        match stream.read(&mut byte).await? {
            0 if length.is_empty() => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => {}
        }
        match byte {
            [b' '] if !length.is_empty() => break,
            [b'0'] if length.is_empty() => return Err(invalid("a length begins with 0")),
            [digit @ b'0'..=b'9'] if length.len() < 8 => length.push(digit.into()),
            _ => return Err(invalid("no length")),
        }
    }
    let length = length.parse().map_err(|_| invalid("no length"))?;
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    String::from_utf8(message).map(Some).map_err(|_| invalid("not UTF-8"))
}
