//! The protocol, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use poem::http::StatusCode;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::web::{Data, Path};
use poem::{Body, EndpointExt as _, Response, Route, Server, get, handler, post};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;
use ward::audit::witness::{AddCheckpoint, Refusal};

use crate::Failure;
use crate::disk::Directory;
use crate::key::Key;
use crate::known::Known;
use crate::records::{self, Records, Wordless};
use crate::settings::Settings;
use ward_system::System;

/// No request is longer: 63 hashes, and a hundred signatures of common length.
const LONGEST: usize = 128 << 10;
/// A body that takes longer isn't waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Nor is a connection on which nothing is said.
const IDLE: Duration = Duration::from_secs(60);
const DRAIN: Duration = Duration::from_secs(10);

struct Service {
    known: Known,
    records: Records<Directory>,
}

type Shared = Arc<Service>;

/// Answers until SIGINT or SIGTERM.
pub(crate) async fn serve(settings: &Settings) -> Result<(), Failure> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let directory = Directory::take(&settings.state)?;
    let key = Key::load(&directory, &settings.name, &System)?;
    let known = Known::load(settings.given.clone(), settings.logs.clone())?;
    let service: Shared = Arc::new(Service { known, records: Records::new(directory, key) });
    let acceptor = TcpListener::bind(settings.listen).into_acceptor().await?;
    let address = acceptor.local_addr().first().and_then(|address| address.as_socket_addr().copied());
    tracing::info!(address = %address.ok_or("the listener has no address")?, key = service.records.key(), "serving");
    let routes = Route::new()
        .at("/add-checkpoint", post(add_checkpoint))
        .at("/:log/checkpoint", get(checkpoint))
        .at("/key", get(verifier_key))
        .at("/health", get(health));
    let server = Server::new_with_acceptor(acceptor).idle_timeout(IDLE);
    Ok(server.run_with_graceful_shutdown(routes.data(service), stop, Some(DRAIN)).await?)
}

#[handler]
async fn add_checkpoint(service: Data<&Shared>, body: Body) -> Response {
    let body = match tokio::time::timeout(PATIENCE, body.into_bytes_limit(LONGEST)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return said(poem::error::ResponseError::status(&error), "the body can't be read"),
        Err(_) => return said(StatusCode::REQUEST_TIMEOUT, "the body doesn't come"),
    };
    let service = Arc::clone(&service);
    answer(on_disk(move || service.cosign(&body)).await)
}

#[handler]
async fn checkpoint(service: Data<&Shared>, log: Path<String>) -> Response {
    let (service, Path(log)) = (Arc::clone(&service), log);
    if !records::is_name(&log) {
        return answer(Err(Refusal::Unknown.into()));
    }
    let latest = on_disk(move || service.records.latest(&log)).await;
    answer(latest.and_then(|latest| Ok(latest.ok_or(Refusal::Unknown)?)))
}

#[handler]
fn verifier_key(service: Data<&Shared>) -> String {
    service.records.key() + "\n"
}

#[handler]
async fn health(service: Data<&Shared>) -> Response {
    match (service.records.is_sound(), service.known.is_good()) {
        (true, true) => said(StatusCode::OK, "ok"),
        (true, false) => said(StatusCode::SERVICE_UNAVAILABLE, "the list of logs can't be read"),
        (false, _) => said(StatusCode::SERVICE_UNAVAILABLE, "the state directory can't be written"),
    }
}

impl Service {
    fn cosign(&self, body: &[u8]) -> Result<String, Wordless> {
        let text = std::str::from_utf8(body).map_err(|_| Refusal::Malformed)?;
        let request: AddCheckpoint = text.parse()?;
        self.records.cosign(request.vouched(&self.known.logs())?, &System)
    }
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Wordless> + Send + 'static,
) -> Result<T, Wordless> {
    spawn_blocking(work).await.map_err(|panicked| Wordless::Unreadable(panicked.into())).flatten()
}

fn answer(word: Result<String, Wordless>) -> Response {
    match word {
        Ok(text) => text_of(StatusCode::OK, text),
        Err(Wordless::Refused(Refusal::Behind { size })) => Response::builder()
            .status(StatusCode::CONFLICT)
            .content_type("text/x.tlog.size")
            .body(format!("{size}\n")),
        Err(Wordless::Refused(refusal)) => {
            let status = match refusal {
                Refusal::Unknown => StatusCode::NOT_FOUND,
                Refusal::Untrusted => StatusCode::FORBIDDEN,
                Refusal::Inconsistent => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::BAD_REQUEST,
            };
            said(status, &refusal.to_string())
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "no word");
            said(StatusCode::INTERNAL_SERVER_ERROR, "the witness can't keep what it sees")
        }
    }
}

fn said(status: StatusCode, words: &str) -> Response {
    text_of(status, format!("{words}\n"))
}

fn text_of(status: StatusCode, text: String) -> Response {
    Response::builder().status(status).content_type("text/plain; charset=utf-8").body(text)
}
