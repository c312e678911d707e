//! One key of a log follows another, and nobody has to believe it for that alone.

use std::sync::Arc;

use chrono::TimeDelta;
use ward::Store as _;
use ward::audit::note::{Note, VerifierKey};
use ward::audit::sequence::LogKeys as _;
use ward::kernel::{Clock as _, authority};
use ward::{ROTATE_LOG_KEY, rotate_log_key};

use crate::logs::Log;

/// Gives the log another key, and has the store forget the ones it knows.
async fn rotate(log: &Log, overlap: TimeDelta) -> VerifierKey {
    let operator = Arc::new(authority::system(log.tenant, "operator"));
    let mut unit = log.w.store.begin(log.w.permit_of(&operator, &ROTATE_LOG_KEY)).await.unwrap();
    let origin = log.sequencer.origin(log.tenant);
    let (key, event) = rotate_log_key(&mut *unit, &origin, log.w.machine.now() + overlap).await.unwrap();
    unit.commit(event).await.unwrap();
    log.w.machine.advance(TimeDelta::seconds(61));
    key
}

async fn note(log: &Log) -> Note {
    Note::parse(&log.reading().await.head().await.unwrap().unwrap().note).unwrap()
}

async fn signed(log: &Log, by: &VerifierKey) -> bool {
    note(log).await.verify(std::slice::from_ref(by)).is_ok()
}

#[tokio::test]
async fn both_keys_sign_for_a_time_and_then_the_newer_one() {
    let log = Log::of(3).await;
    let origin = log.sequencer.origin(log.tenant);
    let old = log.keys().await.verifiers(&origin).unwrap().remove(0);
    let new = rotate(&log, TimeDelta::days(2)).await;
    assert!(signed(&log, &old).await && !signed(&log, &new).await, "what was signed stays so");
    log.step().await.unwrap().unwrap();
    assert!(signed(&log, &old).await && signed(&log, &new).await);
    let entries = log.verified().await;
    assert!(entries.last().unwrap().text.contains(&format!(r#""key":"{new}""#)), "the log says so");

    log.w.machine.advance(TimeDelta::days(3));
    let keys = log.keys().await;
    let signers = keys.signers(&origin, log.w.machine.now()).unwrap();
    assert_eq!(signers.iter().map(|signer| signer.key()).collect::<Vec<_>>(), [&new]);
    assert_eq!(keys.verifiers(&origin).unwrap(), [new, old]);
}

#[tokio::test]
async fn a_log_that_was_idle_while_both_keys_signed_grows_on() {
    let log = Log::of(3).await;
    rotate(&log, TimeDelta::seconds(1)).await;
    // The head is signed by the first key alone, which signs no more.
    let step = log.step().await.unwrap().unwrap();
    assert_eq!(step.placed, 1);
    let latest = log.keys().await.verifiers(&log.sequencer.origin(log.tenant)).unwrap().remove(0);
    assert!(signed(&log, &latest).await);
    let third = rotate(&log, TimeDelta::days(1)).await;
    log.step().await.unwrap().unwrap();
    assert!(signed(&log, &third).await && signed(&log, &latest).await);
    assert_eq!(log.keys().await.verifiers(&log.sequencer.origin(log.tenant)).unwrap().len(), 3);
}
