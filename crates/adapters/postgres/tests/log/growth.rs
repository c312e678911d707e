//! Growth that something happens to on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use ward::audit::sequence::{FullTile, Growth, Head, Placed, Waiting};
use ward::audit::tree::{Hash, Run, StoredTree};
use ward::kernel::{EventId, StoreError};

/// Ends once so many calls were answered: the answer to the last never arrives.
pub(crate) struct Ending {
    inner: Box<dyn Growth>,
    left: Arc<AtomicUsize>,
}

impl Ending {
    /// Which has `left` calls to live; what is left of them is told there.
    pub(crate) fn after(left: &Arc<AtomicUsize>, inner: Box<dyn Growth>) -> Box<dyn Growth> {
        Box::new(Self { inner, left: left.clone() })
    }
}

fn answered<T>(left: &AtomicUsize, answer: T) -> Result<T, StoreError> {
    match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
        Ok(1) | Err(_) => Err(StoreError::Failed("the process ends here".into())),
        Ok(_) => Ok(answer),
    }
}

#[async_trait]
impl StoredTree for Ending {
    async fn hashes(&mut self, runs: &[Run]) -> Result<Vec<Vec<Hash>>, StoreError> {
        answered(&self.left, self.inner.hashes(runs).await?)
    }
}

#[async_trait]
impl Growth for Ending {
    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        answered(&self.left, self.inner.head().await?)
    }

    async fn waiting(&mut self, most: u32) -> Result<Vec<Waiting>, StoreError> {
        answered(&self.left, self.inner.waiting(most).await?)
    }

    async fn place(&mut self, first: u64, leaves: &[Placed]) -> Result<(), StoreError> {
        self.inner.place(first, leaves).await?;
        answered(&self.left, ())
    }

    async fn placed(&mut self, first: u64) -> Result<Vec<(String, Hash)>, StoreError> {
        answered(&self.left, self.inner.placed(first).await?)
    }

    async fn keep(&mut self, tiles: &[FullTile]) -> Result<(), StoreError> {
        self.inner.keep(tiles).await?;
        answered(&self.left, ())
    }

    async fn take_up(&mut self, most: u32) -> Result<(), StoreError> {
        self.inner.take_up(most).await?;
        answered(&self.left, ())
    }

    async fn reject(&mut self, leaves: &[EventId]) -> Result<(), StoreError> {
        self.inner.reject(leaves).await?;
        answered(&self.left, ())
    }

    /// Ends before it began, or behind its end: then the log has grown, and nobody was told.
    async fn finish(self: Box<Self>, size: u64, head: &Head) -> Result<(), StoreError> {
        answered(&self.left, ())?;
        self.inner.finish(size, head).await?;
        answered(&self.left, ())
    }
}
