//! Connections, shared fairly: no tenant holds so many that another has to wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use uuid::Uuid;

/// A pool of which each tenant may use seven eighths at a time: enough to lose nothing where it is alone.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pool: PgPool,
    turns: Arc<Turns>,
}

#[derive(Debug)]
struct Turns {
    each: usize,
    patience: Duration,
    of: Mutex<HashMap<Uuid, Arc<Semaphore>>>,
}

/// A connection and the turn to use it.
#[derive(Debug)]
pub(crate) struct Leased {
    pub(crate) conn: PoolConnection<sqlx::Postgres>,
    _turn: OwnedSemaphorePermit,
}

impl Shared {
    /// Shares out the connections of a pool that `options` make.
    pub(crate) fn new(pool: PgPool, options: &PgPoolOptions) -> Self {
        let connections = options.get_max_connections();
        let each = connections.saturating_sub((connections / 8).max(1)).max(1) as usize;
        let turns = Turns { each, patience: options.get_acquire_timeout(), of: Mutex::default() };
        Self { pool, turns: Arc::new(turns) }
    }

    /// A connection for `tenant`, which waits behind its own requests, and behind few of another's.
    pub(crate) async fn acquire(&self, tenant: Uuid) -> Result<Leased, sqlx::Error> {
        let line = self.turns.line(tenant);
        let turn = timeout(self.turns.patience, line.acquire_owned()).await;
        let turn = turn.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        Ok(Leased { conn: self.pool.acquire().await?, _turn: turn })
    }
}

impl Turns {
    fn line(&self, tenant: Uuid) -> Arc<Semaphore> {
        let mut lines = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        lines.entry(tenant).or_insert_with(|| Arc::new(Semaphore::new(self.each))).clone()
    }
}
