//! Through HTTP: a subject added and shown by `ward-api`, beside a service that does one bare statement.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::lock::Mutex;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::web::{Data, Path};
use poem::{EndpointExt as _, Route, get, handler, post};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::net::TcpStream;
use ward::kernel::Uuid;
use ward_api::Server;
use ward_api::config::Config;
use ward_testkit::Database;

use crate::Outcome;
use crate::rounds::{Contender, Effort, compete};
use crate::table::Table;
use crate::unit::rows;
use crate::world::{bare, database};

const CLIENTS: usize = 16;

pub(crate) async fn measure(effort: Effort) -> Outcome<Vec<Table>> {
    // Each has a database of its own: in Ward's, a table that isn't isolated would stop the service.
    let (db, other) = (database().await?, database().await?);
    let (server, key) = ward(&db).await?;
    let plain = service(&other).await?;
    let ward = Arc::new(Clients::connect(server.address(), &key).await?);
    let plain = Arc::new(Clients::connect(plain, "").await?);
    let new = json!({ "kind": "patient", "fields": { "given_name": "Ada", "family_name": "Lovelace", "email": "ada@example.org" } });
    let shown = |made: &Value| made.get("id").and_then(Value::as_str).map(|id| format!("/v1/subjects/{id}"));
    let theirs = shown(&ward.send(0, Method::POST, "/v1/subjects", Some(&new)).await?).ok_or("no id")?;
    let ours = shown(&plain.send(0, Method::POST, "/v1/subjects", Some(&new)).await?).ok_or("no id")?;

    let mut table =
        Table::new("A subject, through HTTP", ["", "clients", "p50 µs", "× bare", "a second", "of bare"]);
    for clients in [1, CLIENTS] {
        let write = [
            contender("POST, one bare INSERT", &plain, Method::POST, "/v1/subjects", Some(&new)),
            contender("POST /v1/subjects", &ward, Method::POST, "/v1/subjects", Some(&new)),
        ];
        let read = [
            contender("GET, one bare SELECT", &plain, Method::GET, &ours, None),
            contender("GET /v1/subjects/{id}", &ward, Method::GET, &theirs, None),
        ];
        for contenders in [write, read] {
            rows(&mut table, clients, &compete(effort, clients, &contenders).await?);
        }
    }
    server.stop().await?;
    Ok(vec![table])
}

fn contender(
    name: &'static str,
    clients: &Arc<Clients>,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Contender {
    let (clients, path, body) = (clients.clone(), path.to_owned(), body.cloned());
    Contender::new(name, move |client| {
        let (clients, method, path, body) = (clients.clone(), method.clone(), path.clone(), body.clone());
        async move { clients.send(client, method, &path, body.as_ref()).await.map(drop) }
    })
}

/// The real service, and a key that may do everything.
pub(crate) async fn ward(db: &Database) -> Outcome<(Server, String)> {
    let data = std::env::temp_dir().join(format!("ward-bench-{}", std::process::id()));
    let settings = [
        ("WARD_LISTEN", "127.0.0.1:0".to_owned()),
        ("WARD_MODE", "development".to_owned()),
        ("WARD_DATA_DIR", data.display().to_string()),
        ("WARD_DATABASE_URL", db.url("ward_app")),
        ("WARD_OWNER_DATABASE_URL", db.url("ward_owner")),
        ("WARD_DATABASE_CONNECTIONS", CLIENTS.to_string()),
    ];
    let config = Config::from_settings(settings.map(|(name, value)| (name.to_owned(), value)).into())?;
    let server = Server::start(config).await?;
    std::fs::remove_dir_all(&data)?; // the root key is in memory now
    let founded = server.found_tenant("Clinic", None).await?;
    Ok((server, founded.api_key.expose().to_owned()))
}

/// A service that adds and shows a row with one statement each, and does nothing else.
async fn service(db: &Database) -> Outcome<SocketAddr> {
    let table = "CREATE SCHEMA bench; CREATE TABLE bench.subject (id uuid PRIMARY KEY, body jsonb NOT NULL);
        GRANT USAGE ON SCHEMA bench TO ward_app; GRANT SELECT, INSERT ON bench.subject TO ward_app";
    db.run("ward_owner", table).await?;
    let routes = Route::new().at("/v1/subjects", post(add)).at("/v1/subjects/:id", get(show));
    let endpoint = routes.data(bare(db).await?);
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await?;
    let address = acceptor.local_addr().first().and_then(|address| address.as_socket_addr().copied());
    tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(endpoint));
    address.ok_or_else(|| "the bare service has no address".into())
}

#[handler]
async fn add(pool: Data<&PgPool>, body: poem::Body) -> poem::Result<String> {
    let body: Value = body.into_json().await?;
    #[expect(clippy::disallowed_methods, reason = "the service that does without Ward")]
    let id = Uuid::now_v7();
    let done = sqlx::query("INSERT INTO bench.subject (id, body) VALUES ($1, $2)").bind(id).bind(body);
    done.execute(pool.0).await.map_err(poem::error::InternalServerError)?;
    Ok(json!({ "id": id }).to_string())
}

#[handler]
async fn show(pool: Data<&PgPool>, Path(id): Path<Uuid>) -> poem::Result<String> {
    let row = sqlx::query_scalar("SELECT body FROM bench.subject WHERE id = $1").bind(id);
    let body: Value = row.fetch_one(pool.0).await.map_err(poem::error::InternalServerError)?;
    Ok(body.to_string())
}

/// A connection for each client, kept open.
pub(crate) struct Clients {
    key: String,
    senders: Vec<Mutex<SendRequest<Full<Bytes>>>>,
}

impl Clients {
    pub(crate) async fn connect(address: SocketAddr, key: &str) -> Outcome<Self> {
        let mut senders = Vec::new();
        for _ in 0..CLIENTS {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            senders.push(Mutex::new(sender));
        }
        Ok(Self { key: key.to_owned(), senders })
    }

    async fn send(&self, client: usize, method: Method, path: &str, body: Option<&Value>) -> Outcome<Value> {
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        self.exchange(client, method, path, ("application/json", bytes)).await
    }

    /// Sends a body of whatever type, and reads the answer as JSON.
    pub(crate) async fn exchange(
        &self,
        client: usize,
        method: Method,
        path: &str,
        (content_type, bytes): (&str, Bytes),
    ) -> Outcome<Value> {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = request.header("x-api-key", &self.key).header("content-type", content_type);
        let mut sender = self.senders.get(client).ok_or("no such client")?.lock().await;
        sender.ready().await?;
        let answer = sender.send_request(request.body(Full::new(bytes))?).await?;
        let (status, bytes) = (answer.status(), answer.into_body().collect().await?.to_bytes());
        if !status.is_success() {
            return Err(format!("{path} answered with {status}: {}", String::from_utf8_lossy(&bytes)).into());
        }
        Ok(serde_json::from_slice(&bytes)?)
    }
}
