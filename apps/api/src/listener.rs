//! Where requests come in.

use std::net::SocketAddr;
use std::sync::Arc;

use poem::listener::{Acceptor as _, Listener as _, TcpAcceptor, TcpListener};
use tokio::task::JoinSet;

use crate::app::App;
use crate::endpoint;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Listens where `setting` says, and tells where that is: the port may be the system's choice.
pub(crate) async fn bind(
    setting: &'static str,
    wanted: SocketAddr,
) -> Result<(TcpAcceptor, SocketAddr), Failure> {
    let acceptor = TcpListener::bind(wanted).into_acceptor().await;
    let acceptor = acceptor.map_err(|error| format!("can't listen where `{setting}` says: {error}"))?;
    let address = acceptor.local_addr().first().and_then(|address| address.as_socket_addr().copied());
    Ok((acceptor, address.ok_or("the listener has no address")?))
}

/// Answers operators on a listener of their own from now on, for as long as `beside` lives: while requests are drained, too.
pub(crate) async fn operators(
    beside: &mut JoinSet<()>,
    app: &Arc<App>,
    wanted: SocketAddr,
) -> Result<(), Failure> {
    let (acceptor, address) = bind("WARD_ADMIN_LISTEN", wanted).await?;
    let served = poem::Server::new_with_acceptor(acceptor).run(endpoint::operators(app.clone()));
    beside.spawn(async move {
        if let Err(error) = served.await {
            tracing::error!(%error, "operators are answered no more");
        }
    });
    tracing::info!(%address, "answering operators");
    Ok(())
}
