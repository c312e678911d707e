use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::load_native_certs;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use ward::{Batch, Sink, Untaken};

/// A receiver that takes longer for a batch didn't take it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A receiver of syslog over TLS.
pub struct SyslogTls {
    host: ServerName<'static>,
    port: u16,
    connector: TlsConnector,
}

/// Who says which certificate is the receiver's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Authorities {
    /// Those that the machine trusts.
    Machine,
    /// Those in this PEM file, and no other.
    File(PathBuf),
}

/// A receiver that can't be used, whether or not it answers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// It has no name that a certificate can have.
    #[error("a receiver has a host name or an address")]
    Host(#[from] InvalidDnsNameError),
    /// Its authorities can't be read.
    #[error("the certificates of the authorities can't be read")]
    Authorities(#[from] pem::Error),
    /// There are no authorities.
    #[error("there is no certificate of any authority")]
    Nobody,
    /// TLS can't be spoken with these settings.
    #[error("TLS can't be spoken")]
    Tls(#[from] rustls::Error),
}

/// How a batch fails.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the receiver can't be reached over TLS")]
    Unreachable(#[source] std::io::Error),
    #[error("the receiver broke off")]
    BrokenOff(#[source] std::io::Error),
    #[error("the receiver took too long")]
    Late,
}

impl SyslogTls {
    /// The receiver at a host, known by the certificate that one of the authorities gave it.
    pub fn new(host: &str, port: u16, authorities: Authorities) -> Result<Self, Unusable> {
        let tls = ClientConfig::builder_with_provider(ring::default_provider().into());
        let tls = tls.with_safe_default_protocol_versions()?;
        let tls = tls.with_root_certificates(authorities.roots()?).with_no_client_auth();
        let host = ServerName::try_from(host)?.to_owned();
        Ok(Self { host, port, connector: Arc::new(tls).into() })
    }

    /// Sends a batch over a connection of its own, and ends that well. Syslog has no acknowledgement; but whoever answers the end of a
    /// TLS connection with its own has read all that came before.
    async fn send(&self, batch: &Batch) -> Result<(), Failed> {
        let socket = TcpStream::connect((self.host.to_str().as_ref(), self.port)).await;
        let connected = self.connector.connect(self.host.clone(), socket.map_err(Failed::Unreachable)?).await;
        let mut stream = connected.map_err(Failed::Unreachable)?;
        let ended = async {
            for line in &batch.lines {
                stream.write_all(frame(line).as_bytes()).await?;
            }
            stream.shutdown().await?;
            // Anything but a proper end is an error.
            while stream.read(&mut [0; 256]).await? > 0 {}
            Ok(())
        };
        ended.await.map_err(Failed::BrokenOff)
    }
}

#[async_trait]
impl Sink for SyslogTls {
    async fn take(&self, batch: &Batch) -> Result<(), Untaken> {
        let sent = tokio::time::timeout(PATIENCE, self.send(batch)).await;
        sent.unwrap_or(Err(Failed::Late)).map_err(|failed| Untaken(failed.into()))
    }
}

impl Authorities {
    fn roots(&self) -> Result<RootCertStore, Unusable> {
        let mut roots = RootCertStore::empty();
        match self {
            Self::Machine => {
                let _unreadable = roots.add_parsable_certificates(load_native_certs().certs);
            }
            Self::File(path) => {
                for certificate in CertificateDer::pem_file_iter(path)? {
                    roots.add(certificate?)?;
                }
            }
        }
        if roots.is_empty() { Err(Unusable::Nobody) } else { Ok(roots) }
    }
}

/// A message behind its length in octets (RFC 5425, 4.3).
fn frame(line: &str) -> String {
    format!("{} {line}", line.len())
}
