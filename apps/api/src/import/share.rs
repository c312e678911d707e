use tokio::sync::{Semaphore, SemaphorePermit};

/// The share of the database's connections that imports may hold, all of them together: the others stay free for other
/// requests, of other tenants above all.
pub(crate) struct Share {
    room: Semaphore,
    whole: u32,
}

impl Share {
    /// A quarter of `connections`, and one at least.
    pub(crate) fn of(connections: u32) -> Self {
        let whole = (connections / 4).max(1);
        Self { room: Semaphore::new(whole as usize), whole }
    }

    /// Waits for room for one batch.
    pub(super) async fn one(&self) -> Option<SemaphorePermit<'_>> {
        self.room.acquire().await.ok()
    }

    /// Waits until no other batch is being stored, and lets none begin.
    pub(super) async fn alone(&self) -> Option<SemaphorePermit<'_>> {
        self.room.acquire_many(self.whole).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::Share;

    #[test]
    fn imports_hold_a_quarter_of_the_connections_and_one_alone_holds_it_all() {
        for (connections, batches) in [(2, 1), (4, 1), (16, 4), (500, 125)] {
            let share = Share::of(connections);
            let mut held: Vec<_> = (0..batches).map(|_| share.one().now_or_never().unwrap()).collect();
            assert!(share.one().now_or_never().is_none(), "{connections}");
            assert!(share.alone().now_or_never().is_none());
            held.pop();
            assert!(batches == 1 || share.alone().now_or_never().is_none());
            held.clear();
            let alone = share.alone().now_or_never().unwrap();
            assert!(alone.is_some() && share.one().now_or_never().is_none());
        }
    }
}
