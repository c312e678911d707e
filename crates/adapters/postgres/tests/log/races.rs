//! Two replicas let the same logs grow.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use ward::Sequencer;
use ward::audit::sequence::{SequenceError, Step};
use ward::audit::tree::Hash;
use ward::kernel::TenantId;

use crate::logs::{Stored, root_of, sequencer, verified, write};
use crate::support::{World, open, world};

/// Takes a step; nothing, where another was in the way.
async fn step(sequencer: &Sequencer, tenant: TenantId, patient: bool) -> Option<Step> {
    match sequencer.step(tenant, patient).await {
        Ok(step) => step,
        Err(error) if error.is_raced() => None,
        Err(error) => panic!("{error:?}"),
    }
}

/// Each head that was signed is that of the log's first entries, and each size was signed once.
fn is_one_history(heads: &BTreeMap<u64, Vec<Hash>>, entries: &[Stored]) {
    for (size, roots) in heads {
        let first = entries.get(..usize::try_from(*size).unwrap()).unwrap();
        assert_eq!(roots[..], [root_of(first)], "of {size}");
    }
}

async fn two_replicas() -> (World, [Sequencer; 2]) {
    let w = world().await;
    let replica = open(&w.db, "ward_app", 8, &w.machine).await.unwrap();
    let sequencers = [sequencer(&w), Sequencer::new(Arc::new(replica), "ward.test", w.machine.clone())];
    (w, sequencers)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_never_fork_a_log() {
    let (w, sequencers) = two_replicas().await;
    let tenant = w.tenant().await;
    let mut heads: BTreeMap<u64, Vec<Hash>> = BTreeMap::new();
    let mut written = 1;
    for n in 0..150 {
        let units = [n % 3, 1, n % 2];
        written += units.iter().sum::<usize>();
        let writing = join_all(units.iter().map(|events| write(&w, tenant, *events)));
        let steps = (0..6).map(|turn| step(&sequencers[turn % 2], tenant, (turn + n) % 3 != 0));
        let (written, steps) = tokio::join!(writing, join_all(steps));
        assert!(written.iter().all(Result::is_ok));
        for step in steps.into_iter().flatten() {
            heads.entry(step.head.checkpoint.size).or_default().push(step.head.checkpoint.root);
        }
    }
    for sequencer in &sequencers {
        sequencer.catch_up(tenant).await.unwrap();
    }
    let entries = verified(&w, tenant).await;
    assert_eq!(entries.len(), written);
    assert!(heads.len() > 100, "{}", heads.len());
    is_one_history(&heads, &entries);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_begin_a_log_once() {
    let (w, sequencers) = two_replicas().await;
    for _ in 0..40 {
        let tenant = w.tenant().await;
        write(&w, tenant, 3).await.unwrap();
        let steps = (0..4).map(|turn| step(&sequencers[turn % 2], tenant, turn < 2));
        let steps: Vec<_> = join_all(steps).await.into_iter().flatten().collect();
        assert_eq!(steps.iter().map(|step| step.placed).sum::<u64>(), 4, "{steps:?}");
        assert_eq!(verified(&w, tenant).await.len(), 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_set_a_leaf_aside_once() {
    let (w, sequencers) = two_replicas().await;
    for n in 1..=20 {
        let tenant = w.tenant().await;
        let lost = format!(
            "SET session_replication_role = replica; DELETE FROM ward.audit_leaf WHERE tenant = '{}'",
            ward::kernel::Uuid::from(tenant)
        );
        w.db.run("postgres", lost).await.unwrap();
        join_all((0..4).map(|turn| step(&sequencers[turn % 2], tenant, turn < 2))).await;
        let aside = "SELECT count(*) FROM ward.audit_waiting WHERE rejected_at IS NOT NULL";
        assert_eq!(w.count("postgres", aside).await, n);
        assert_eq!(verified(&w, tenant).await.len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_catch_up_side_by_side() {
    let (w, sequencers) = two_replicas().await;
    let tenant = w.tenant().await;
    for n in 1..=30 {
        write(&w, tenant, 2).await.unwrap();
        let caught = join_all(sequencers.iter().map(|sequencer| sequencer.catch_up(tenant))).await;
        let fatal = |error: &SequenceError| !error.is_raced();
        assert!(!caught.iter().any(|caught| caught.as_ref().is_err_and(fatal)), "{caught:?}");
        assert_eq!(verified(&w, tenant).await.len(), 1 + 2 * n);
    }
}
