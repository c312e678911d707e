use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use ward::{Batch, Sink, Untaken};

use crate::{Authorities, Unusable};

/// A receiver that takes longer for a batch didn't take it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A receiver of syslog over TLS.
pub struct SyslogTls {
    host: ServerName<'static>,
    port: u16,
    connector: TlsConnector,
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
    pub fn new(host: &str, port: u16, authorities: &Authorities) -> Result<Self, Unusable> {
        let host = ServerName::try_from(host)?.to_owned();
        Ok(Self { host, port, connector: Arc::new(authorities.client()?).into() })
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

/// A message behind its length in octets (RFC 5425, 4.3).
fn frame(line: &str) -> String {
    format!("{} {line}", line.len())
}
