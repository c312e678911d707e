use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::runtime::Runtime;

/// A bucket of an S3-compatible server that lasts as long as this does, and whose objects lie in a directory.
pub struct Bucket {
    directory: PathBuf,
    address: SocketAddr,
    server: Option<Runtime>,
}

/// There is no server to be had.
#[derive(Debug, thiserror::Error)]
#[error("the S3 server doesn't start")]
pub struct NoBucket(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Bucket {
    /// What it is called.
    pub const NAME: &str = "checkpoints";

    /// Starts a server whose buckets are directories in `directory`.
    pub fn start(directory: &Path) -> Result<Self, NoBucket> {
        std::fs::create_dir_all(directory.join(Self::NAME)).map_err(|error| NoBucket(error.into()))?;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut bucket = Self { directory: directory.to_owned(), address, server: None };
        bucket.start_again()?;
        Ok(bucket)
    }

    /// Ends the server in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.server.take().into_iter().for_each(Runtime::shutdown_background);
    }

    /// Starts it where it was before.
    pub fn start_again(&mut self) -> Result<(), NoBucket> {
        self.serve().map_err(NoBucket)
    }

    /// What a client is told: credentials, region, endpoint.
    pub fn settings(&self) -> Vec<(String, String)> {
        let endpoint = format!("http://{}", self.address);
        let settings = [
            ("AWS_ACCESS_KEY_ID", "ward"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT", &endpoint),
            ("AWS_ALLOW_HTTP", "true"),
        ];
        settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// Where an object's bytes lie.
    pub fn object(&self, name: &str) -> PathBuf {
        self.directory.join(Self::NAME).join(name)
    }

    fn serve(&mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let files = FileSystem::new(&self.directory).map_err(|error| format!("{error:?}"))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single("ward", "secret"));
        let service = service.build();
        let listener = TcpListener::bind(self.address)?;
        listener.set_nonblocking(true)?;
        self.address = listener.local_addr()?;
        let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        server.spawn(accept(listener, service));
        self.server = Some(server);
        Ok(())
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn accept(listener: TcpListener, service: S3Service) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service.clone()));
    }
}
