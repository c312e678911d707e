//! Heads that aren't those which were signed.

use ward::audit::sequence::{Head, SequenceError};
use ward::kernel::Uuid;

use crate::logs::{Log, reading, sequencer};

/// Takes the log back to an older head: what came after has no place, and waits again.
async fn take_back(log: &Log, head: &Head) {
    let (size, root) = (head.checkpoint.size, hex::encode(head.checkpoint.root.0));
    let (note, latest) = (&head.note, head.latest.to_rfc3339());
    let sql = format!(
        "SELECT ward.await_place(array_agg(leaf ORDER BY index DESC)) FROM ward.audit_place WHERE index >= {size};
         DELETE FROM ward.audit_place WHERE index >= {size};
         UPDATE ward.audit_head SET size = {size}, root = '\\x{root}', note = '{note}', latest = '{latest}'"
    );
    log.tamper(&sql).await;
}

async fn grow(log: &Log) -> Head {
    log.write(3).await;
    log.step().await.unwrap().unwrap().head
}

#[tokio::test]
async fn a_log_that_was_taken_back_grows_no_more_for_whom_has_seen_it_longer() {
    let log = Log::new().await;
    let (old, new) = (grow(&log).await, grow(&log).await);
    take_back(&log, &old).await;
    let found = log.refused().await;
    assert!(matches!(found, SequenceError::TakenBack { seen: 7, found: 4 }), "{found:?}");
    let (mut reading, keys) = (log.reading().await, log.keys().await);
    let looked = log.sequencer.look_again(log.tenant, &mut *reading, &keys, 10).await;
    assert!(matches!(looked, Err(SequenceError::TakenBack { seen: 7, found: 4 })), "{looked:?}");
    // The whole log, gone.
    log.tamper("DELETE FROM ward.audit_place; DELETE FROM ward.audit_head").await;
    assert!(matches!(log.refused().await, SequenceError::TakenBack { seen: 7, found: 0 }));
    assert_eq!(new.checkpoint.size, 7);
}

#[tokio::test]
async fn a_log_that_goes_on_from_other_entries_grows_no_more_for_whom_has_seen_the_first() {
    for more in [0, 4] {
        let log = Log::new().await;
        let old = grow(&log).await;
        grow(&log).await;
        take_back(&log, &old).await;
        // A replica that begins now has seen nothing of it.
        let forked = sequencer(&log.w);
        log.write(more).await;
        forked.catch_up(log.tenant).await.unwrap();
        assert_eq!(log.verified().await.len(), 7 + more, "it is sound in itself");
        let found = log.refused().await;
        assert!(matches!(found, SequenceError::Forked { size: 7 }), "{found:?}");
    }
}

#[tokio::test]
async fn nothing_is_signed_over_a_head_that_nobody_signed() {
    let log = Log::of(3).await;
    let old = log.reading().await.head().await.unwrap().unwrap();
    let other = log.w.tenant().await;
    let strange = reading(&log.w, other).await.keys();
    let mut foreign = old.checkpoint.note();
    foreign.sign(&strange.log().all().next().unwrap().signer(&old.checkpoint.origin).unwrap()).unwrap();
    let mut elsewhere = old.checkpoint.note();
    elsewhere
        .sign(&log.keys().await.log().all().next().unwrap().signer("ward.test/elsewhere").unwrap())
        .unwrap();
    let unsigned = format!("{}\n", old.checkpoint.note().text());
    let forged = old.note.replace("ward.test", "ward.best");
    for note in [&foreign.to_string(), &elsewhere.to_string(), &unsigned, &forged, "", "nothing"] {
        log.tamper(&format!("UPDATE ward.audit_head SET note = '{note}'")).await;
        let found = log.refused().await;
        assert!(matches!(found, SequenceError::Unsigned(_)), "{note}: {found:?}");
        // Nor by a replica that has seen nothing of it.
        let found = sequencer(&log.w).step(log.tenant, true).await.unwrap_err();
        assert!(matches!(found, SequenceError::Unsigned(_)), "{note}: {found:?}");
    }
    log.tamper(&format!("UPDATE ward.audit_head SET note = '{}'", old.note)).await;
    assert!(log.step().await.unwrap().is_some());
    log.verified().await;
}

#[tokio::test]
async fn nothing_is_signed_over_a_head_that_says_something_else_than_its_note() {
    for change in ["size = 4", "size = 2", "root = sha256(root)"] {
        let log = Log::of(3).await;
        log.tamper(&format!("UPDATE ward.audit_head SET {change}")).await;
        let found = sequencer(&log.w).step(log.tenant, true).await.unwrap_err();
        assert!(matches!(found, SequenceError::Diverged { .. }), "{change}: {found:?}");
    }
    let log = Log::of(3).await;
    let old = log.reading().await.head().await.unwrap().unwrap();
    grow(&log).await;
    log.tamper(&format!("UPDATE ward.audit_head SET note = '{}'", old.note)).await;
    assert!(matches!(log.refused().await, SequenceError::Diverged { size: 6 }), "an older note");
    let log = Log::of(3).await;
    log.tamper("UPDATE ward.audit_head SET origin = 'ward.test/elsewhere'").await;
    assert!(matches!(log.refused().await, SequenceError::Unsigned(_)));
}

#[tokio::test]
async fn a_head_of_another_tenants_log_is_no_head_of_this_one() {
    let log = Log::of(3).await;
    let other = log.w.tenant().await;
    log.sequencer.catch_up(other).await.unwrap();
    let (a, b) = (Uuid::from(log.tenant), Uuid::from(other));
    let swap = format!(
        "SET session_replication_role = replica;
         UPDATE ward.audit_head h SET origin = o.origin, size = o.size, root = o.root, note = o.note FROM ward.audit_head o
         WHERE h.tenant = '{a}' AND o.tenant = '{b}'"
    );
    log.w.db.run("postgres", swap).await.unwrap();
    let found = sequencer(&log.w).step(log.tenant, true).await.unwrap_err();
    assert!(matches!(found, SequenceError::Unsigned(_)), "{found:?}");
}
