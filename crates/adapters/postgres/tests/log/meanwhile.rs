//! What is erased or dropped of a log while others look at it, write to it, or are cut short.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use tokio::task::{JoinHandle, spawn};
use ward::audit::log::{self, NoProof};
use ward::audit::tree::verify_consistency;
use ward::kernel::{EventId, StoreError};
use ward::{Keeping as _, Store as _};

use crate::erasure::HERE;
use crate::keeping::old;
use crate::logs::{Log, root_of, write};
use crate::old::{say, years};

/// Does something again and again, at the same time, until it is told to end; says what came of it.
struct Meanwhile<T>(Arc<AtomicBool>, JoinHandle<Vec<T>>);

impl<T: Send + 'static> Meanwhile<T> {
    fn of<F: Future<Output = T> + Send>(
        log: &Arc<Log>,
        work: impl Fn(Arc<Log>) -> F + Send + 'static,
    ) -> Self {
        let (ended, log) = (Arc::new(AtomicBool::new(false)), log.clone());
        let until = ended.clone();
        let again = async move {
            let mut done = Vec::new();
            while !until.load(Ordering::Relaxed) {
                done.push(work(log.clone()).await);
            }
            done
        };
        Self(ended, spawn(again))
    }

    async fn end(self) -> Vec<T> {
        self.0.store(true, Ordering::Relaxed);
        self.1.await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_while_a_check_looks_at_it_is_no_alarm() {
    let log = Arc::new(Log::new().await);
    let entries = log.write_from(HERE, 255).await;
    log.catch_up().await;
    let looks = Meanwhile::of(&log, async |log| log.look_again(9).await);
    let erase = entries.chunks(64).map(<[EventId]>::to_vec).map(|entries| {
        let log = log.clone();
        spawn(async move {
            for entry in entries {
                assert_eq!(log.erase(&[entry]).await, 1);
            }
        })
    });
    join_all(erase).await.into_iter().for_each(Result::unwrap);
    for look in looks.end().await {
        let look = look.unwrap();
        assert!(look.mended.is_none() && look.enlisted.is_empty(), "{look:?}");
    }
    assert_eq!(log.found_from(HERE).await, []);
}
