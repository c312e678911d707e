//! The last head that witnesses have cosigned, beside the latest.

use ward::Logs as _;
use ward::audit::log::{self, NoProof, Which};
use ward::audit::sequence::Head;
use ward::audit::tree::{Hash, verify_inclusion};

use crate::logs::{Log, root_of};

async fn keep(log: &Log, head: &Head) -> Option<Head> {
    log.w.store.keep_witnessed(log.tenant, head).await.unwrap();
    log.reading().await.witnessed().await.unwrap()
}

#[tokio::test]
async fn the_latest_head_that_was_witnessed_is_kept() {
    let log = Log::new().await;
    let mut heads = Vec::new();
    for _ in 0..3 {
        log.write(2).await;
        heads.push(log.step().await.unwrap().unwrap().head);
        assert_eq!(log.reading().await.witnessed().await.unwrap(), None);
    }
    let [first, second, third] = &heads[..] else { panic!("three steps") };
    let beyond = Head {
        checkpoint: ward::audit::note::Checkpoint { size: 8, ..third.checkpoint.clone() },
        ..third.clone()
    };
    assert_eq!(keep(&log, &beyond).await, None, "the log isn't so long");
    for (kept, now) in [(second, second), (first, second), (second, second), (third, third), (second, third)]
    {
        let witnessed = keep(&log, kept).await.unwrap();
        assert_eq!((&witnessed.checkpoint, &witnessed.note), (&now.checkpoint, &now.note));
    }
    log.write(1).await;
    log.step().await.unwrap().unwrap();
    let witnessed = log.reading().await.witnessed().await.unwrap().unwrap();
    assert_eq!(witnessed.checkpoint, third.checkpoint, "it stays while the log grows");
    log.verified().await;
}

#[tokio::test]
async fn a_proof_may_stand_on_what_was_witnessed() {
    let log = Log::of(300).await;
    let mut reading = log.reading().await;
    let entries = log.verified().await;
    let unplaced = log::prove_entry(&mut *reading, entries[0].id, Which::Witnessed).await;
    assert!(matches!(unplaced, Err(NoProof::Unplaced)), "{unplaced:?}");
    let head = reading.head().await.unwrap().unwrap();
    keep(&log, &head).await.unwrap();
    log.write(300).await;
    log.step().await.unwrap().unwrap();
    for (entry, index) in entries.iter().zip(0..).step_by(37) {
        let proof = log::prove_entry(&mut *reading, entry.id, Which::Witnessed).await.unwrap();
        assert_eq!(
            (proof.index, &proof.entry, &proof.head.checkpoint),
            (index, &entry.text, &head.checkpoint)
        );
        verify_inclusion(Hash::leaf(entry.text.as_bytes()), (index, 300), &proof.path, root_of(&entries))
            .unwrap();
    }
    let later = log.verified().await.swap_remove(300);
    let unplaced = log::prove_entry(&mut *reading, later.id, Which::Witnessed).await;
    assert!(matches!(unplaced, Err(NoProof::Unplaced)), "{unplaced:?}");
}
