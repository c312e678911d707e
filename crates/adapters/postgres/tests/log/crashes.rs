//! A replica that ends in the middle of a step, wherever that is.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::Poll;

use ward::Logs as _;
use ward::audit::sequence::{SequenceError, Step, sequence};
use ward::kernel::StoreError;

use crate::growth::Ending;
use crate::logs::Log;

/// More than a tile, with a leaf that must be set aside.
async fn log() -> Log {
    let log = Log::of(200).await;
    let altered = log.write(100).await.swap_remove(7);
    log.tamper(&format!("UPDATE ward.audit_leaf SET body = '{{}}' WHERE id = '{altered}'")).await;
    log.write(5).await;
    log
}

/// A step that ends once `calls` were answered.
async fn ending(log: &Log, calls: usize) -> Result<Option<Step>, SequenceError> {
    let (growth, keys) = log.w.store.grow(log.tenant, true).await.unwrap();
    let left = Arc::new(AtomicUsize::new(calls));
    sequence(Ending::after(&left, growth), &*keys, ("ward.test/other", None), 1_000, chrono::Utc::now()).await
}

#[tokio::test]
async fn a_step_that_ends_after_any_of_its_calls_leaves_nothing() {
    let log = log().await;
    let before = log.state().await;
    let mut calls = 1;
    while log.state().await == before {
        let ended = ending(&log, calls).await;
        assert!(matches!(ended, Err(SequenceError::Store(StoreError::Failed(_)))), "{calls}: {ended:?}");
        calls += 1;
    }
    // Only behind the end of `finish` has it grown: head, hashes, waiting, reject, place, placed, hashes, keep, and that.
    assert_eq!(calls - 1, 10);
    assert_eq!(log.verified().await.len(), 304);
    assert_eq!(log.step().await.unwrap(), None, "nobody was told, and nothing is placed twice");
}

#[tokio::test]
async fn what_a_step_left_undone_the_next_one_does() {
    for calls in 1..10 {
        let log = log().await;
        ending(&log, calls).await.unwrap_err();
        let step = log.step().await.unwrap().unwrap();
        assert_eq!((step.placed, step.rejected.len()), (104, 1), "{calls}");
        assert_eq!(log.verified().await.len(), 304);
    }
}

/// Drops `future` when it waits for the `turn`-th time; says what it came to, if it did.
async fn cut<T>(future: impl Future<Output = T>, turn: usize) -> Option<T> {
    let (mut future, mut waited) = (pin!(future), 0);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => {
            waited += 1;
            if waited == turn { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

#[tokio::test]
async fn a_step_that_is_dropped_while_it_waits_is_made_whole_or_not_at_all() {
    let log = log().await;
    let (before, mut placed) = (log.state().await, 200);
    for turn in 1.. {
        if cut(log.step(), turn).await.is_some_and(|step| step.unwrap().is_some()) {
            assert!(turn > 1, "it never waited");
            break;
        }
        // Where it waits for the answer to COMMIT, the log may have grown.
        placed = log.verified().await.len();
        let unplaced = placed == 200 && log.state().await == before;
        assert!(unplaced || placed == 304, "{turn}: {placed}");
        if placed == 304 {
            break;
        }
    }
    log.sequencer.catch_up(log.tenant).await.unwrap();
    assert!(placed == 200 || placed == 304);
    assert_eq!(log.verified().await.len(), 304);
}
