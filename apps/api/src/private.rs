//! The private database: started again whenever it dies, stopped with the service.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::{JoinSet, spawn_blocking};
use ward_postgres::launcher::{Cluster, LaunchError};

/// How soon a death is noticed.
const LOOK: Duration = Duration::from_millis(100);
/// How long to leave one alone that doesn't come back.
const AGAIN: Duration = Duration::from_secs(5);

/// A cluster of this process's own, and the watch over it.
pub(crate) struct Private {
    cluster: Arc<Mutex<Option<Cluster>>>,
    /// Ends when it is dropped.
    _watch: JoinSet<()>,
}

impl Private {
    /// Watches over `cluster` from now on.
    pub(crate) fn watched(cluster: Cluster) -> Self {
        let cluster = Arc::new(Mutex::new(Some(cluster)));
        let mut watch = JoinSet::new();
        watch.spawn(watch_over(cluster.clone()));
        Self { cluster, _watch: watch }
    }

    /// Stops the cluster, having written everything to disk.
    pub(crate) async fn stop(self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let cluster = self.cluster;
        let stop = move || with(&cluster, |held| held.take().map_or(Ok(()), Cluster::stop));
        Ok(spawn_blocking(stop).await??)
    }
}

async fn watch_over(cluster: Arc<Mutex<Option<Cluster>>>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let held = cluster.clone();
        let look = move || with(&held, |held| held.as_mut().map_or(Ok(false), Cluster::revive));
        match spawn_blocking(look).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => tracing::warn!("PostgreSQL runs again"),
            Ok(Err(error)) => {
                tracing::error!(%error, "PostgreSQL can't be looked after");
                tokio::time::sleep(AGAIN).await;
            }
            Err(_) => return, // the runtime ends
        }
    }
}

fn with<T>(
    cluster: &Mutex<Option<Cluster>>,
    work: impl FnOnce(&mut Option<Cluster>) -> Result<T, LaunchError>,
) -> Result<T, LaunchError> {
    work(&mut cluster.lock().unwrap_or_else(PoisonError::into_inner))
}
