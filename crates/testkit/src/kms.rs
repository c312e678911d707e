use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::tool;

/// A server that speaks the API of AWS KMS, wraps in earnest, and lasts as long as this does.
///
/// It binds the encryption context as KMS does, but lets keys encrypt that are disabled or about to be deleted:
/// [`FaultyKms`](crate::FaultyKms) answers for these as KMS would. It knows everybody, whatever their credentials.
#[derive(Debug)]
pub struct CompatibleKms {
    address: SocketAddr,
    server: Option<Child>,
}

/// There is no such server to be had, or it doesn't do as it is told.
#[derive(Debug, thiserror::Error)]
#[error("no compatible KMS")]
pub struct NoKms(#[source] pub(crate) Failure);

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

const REGION: &str = "eu-central-1";

impl CompatibleKms {
    /// Starts one without keys, and waits until it answers.
    pub fn start() -> Result<Self, NoKms> {
        let mut kms = Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), server: None };
        kms.start_again()?;
        Ok(kms)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client is told: credentials, region, endpoint.
    pub fn settings(&self) -> Vec<(String, String)> {
        settings(self.address)
    }

    /// Makes a symmetric key in the region of its [settings](Self::settings), and says its ARN.
    pub async fn create_key(&self) -> Result<String, NoKms> {
        self.create_key_in(REGION, json!({})).await
    }

    /// Makes a key elsewhere, or otherwise than usual, such as `{"KeySpec": "RSA_2048"}`.
    pub async fn create_key_in(&self, region: &str, mut how: Value) -> Result<String, NoKms> {
        if let Some(fields) = how.as_object_mut() {
            fields.entry("KeyUsage").or_insert_with(|| "ENCRYPT_DECRYPT".into()); // moto leaves it empty, KMS doesn't
        }
        let made = self.ask(region, "CreateKey", how).await?;
        let arn = made.pointer("/KeyMetadata/Arn").and_then(Value::as_str);
        arn.map(str::to_owned).ok_or_else(|| NoKms("it made no key".into()))
    }

    /// Disables a key.
    pub async fn disable(&self, arn: &str) -> Result<(), NoKms> {
        self.ask(region(arn), "DisableKey", json!({ "KeyId": id(arn) })).await.map(drop)
    }

    /// Enables a key that was disabled, or that was to be deleted.
    pub async fn enable(&self, arn: &str) -> Result<(), NoKms> {
        self.ask(region(arn), "EnableKey", json!({ "KeyId": id(arn) })).await.map(drop)
    }

    /// Has a key deleted, in a week at the earliest.
    pub async fn schedule_deletion(&self, arn: &str) -> Result<(), NoKms> {
        let asked = json!({ "KeyId": id(arn), "PendingWindowInDays": 7 });
        self.ask(region(arn), "ScheduleKeyDeletion", asked).await.map(drop)
    }

    /// Ends it in the middle of whatever it does, and loses all keys.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _gone = server.kill().and_then(|()| server.wait()); // it may have ended by itself
        }
    }

    /// Starts it where it was before, without keys.
    pub fn start_again(&mut self) -> Result<(), NoKms> {
        self.kill();
        self.serve().map_err(NoKms)
    }

    fn serve(&mut self) -> Result<(), Failure> {
        let mut server = Command::new(tool("moto")?);
        server.args(["-c", include_str!("kms.py")]).arg(self.address.port().to_string());
        let server = self
            .server
            .insert(server.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?);
        let mut port = String::new();
        if let Some(said) = server.stdout.take() {
            BufReader::new(said).read_line(&mut port)?;
        }
        self.address.set_port(port.trim().parse()?);
        Ok(())
    }

    async fn ask(&self, region: &str, operation: &str, what: Value) -> Result<Value, NoKms> {
        // It says the region, and is not checked.
        let signed =
            format!("AWS4-HMAC-SHA256 Credential=owner/20261128/{region}/kms/aws4_request, Signature=0");
        let asked = Request::post("/").header(AUTHORIZATION, signed);
        let asked = asked.header("x-amz-target", format!("TrentService.{operation}"));
        let asked = asked.header(CONTENT_TYPE, "application/x-amz-json-1.1").body(what.to_string().into());
        let answer = exchange(self.address, asked.map_err(|error| NoKms(error.into()))?).await;
        let answer = answer.map_err(NoKms)?;
        if !answer.status().is_success() {
            return Err(NoKms(format!("{operation}: {}", answer.status()).into()));
        }
        serde_json::from_slice(answer.body()).map_err(|error| NoKms(error.into()))
    }
}

impl Drop for CompatibleKms {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn settings(address: SocketAddr) -> Vec<(String, String)> {
    let endpoint = format!("http://{address}");
    let settings = [
        ("AWS_ACCESS_KEY_ID", "ward"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", REGION),
        ("AWS_ENDPOINT_URL_KMS", &endpoint),
    ];
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// moto fails where an ARN is in its place.
fn id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn region(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or(REGION)
}

/// Asks over a connection of its own.
pub(crate) async fn exchange(
    address: SocketAddr,
    mut asked: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, Failure> {
    asked.headers_mut().insert(HOST, address.to_string().parse()?);
    let socket = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(socket).await?;
    tokio::spawn(connection);
    let (head, body) = sender.send_request(asked).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}
