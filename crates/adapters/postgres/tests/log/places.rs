//! Leaves get their places.

use std::collections::BTreeSet;

use futures::future::join_all;
use ward::Logs as _;
use ward::audit::sequence::SequenceError;
use ward::kernel::{EventId, StoreError, TenantId};

use crate::logs::{Log, sequencer, verified, write};
use crate::support::{World, world};

/// Units of many sizes, written side by side.
async fn write_many(w: &World, tenant: TenantId) -> BTreeSet<EventId> {
    let units = (1..=20).map(|n| write(w, tenant, n % 7));
    join_all(units).await.into_iter().flat_map(Result::unwrap).collect()
}

#[tokio::test]
async fn leaves_of_many_units_and_tenants_get_gapless_places() {
    let w = world().await;
    let sequencer = sequencer(&w);
    let tenants = [w.tenant().await, w.tenant().await, w.tenant().await, w.tenant().await];
    for _ in 0..3 {
        let written = join_all(tenants.iter().map(|tenant| write_many(&w, *tenant))).await;
        for (tenant, written) in tenants.iter().zip(&written) {
            let before = verified(&w, *tenant).await;
            sequencer.catch_up(*tenant).await.unwrap();
            let after = verified(&w, *tenant).await;
            let kept = before.iter().zip(&after).filter(|(before, after)| before.id == after.id).count();
            assert_eq!(kept, before.len(), "what has a place keeps it");
            let placed: BTreeSet<_> = after.iter().map(|entry| entry.id).collect();
            assert!(placed.is_superset(written) && placed.len() == after.len());
        }
    }
    let leaves = w.count("postgres", "SELECT count(*) FROM ward.audit_leaf").await;
    assert_eq!(leaves, w.count("postgres", "SELECT count(*) FROM ward.audit_place").await);
    assert!(leaves > 4 * 3 * 50, "{leaves}");
}

#[tokio::test]
async fn a_log_whose_leaves_have_their_places_is_left_alone() {
    let log = Log::of(5).await;
    let before = log.state().await;
    assert_eq!(log.step().await.unwrap(), None);
    log.catch_up().await;
    assert_eq!(log.sequencer.waiting(10).await.unwrap(), []);
    assert_eq!(log.state().await, before);
    assert_eq!(log.verified().await.len(), 5);
}

#[tokio::test]
async fn a_unit_that_is_dropped_gets_no_place_and_one_that_follows_no_gap() {
    use ward::Store as _;
    let log = Log::of(2).await;
    let mut unit = log.w.store.begin(log.w.permit(log.tenant, &crate::support::WRITE)).await.unwrap();
    let (writer, ids) = (unit.writer().clone(), unit.ids());
    let _recorded =
        ward::audit::record(&mut *unit, &*ids, &writer, &log.w.wrote(log.w.id()).into()).await.unwrap();
    drop(unit);
    assert_eq!(log.step().await.unwrap(), None);
    log.write(2).await;
    assert_eq!(log.step().await.unwrap().unwrap().placed, 2);
    assert_eq!(log.verified().await.len(), 4);
}

#[tokio::test]
async fn who_waited_longest_comes_first() {
    let w = world().await;
    let (a, b) = (w.tenant().await, w.tenant().await);
    let sequencer = sequencer(&w);
    let tenants = async || -> Vec<TenantId> {
        sequencer.waiting(10).await.unwrap().into_iter().map(|(tenant, _)| tenant).collect()
    };
    assert_eq!(tenants().await, [a, b]);
    assert_eq!(w.store.waiting(1).await.unwrap().len(), 1);
    sequencer.catch_up(a).await.unwrap();
    assert_eq!(tenants().await, [b]);
    let first = write(&w, a, 2).await.unwrap();
    let found = sequencer.waiting(10).await.unwrap();
    assert_eq!(found.into_iter().map(|(tenant, _)| tenant).collect::<Vec<_>>(), [b, a]);
    assert_eq!(sequencer.waiting(10).await.unwrap().last(), Some(&(a, first[0])));
}

async fn somebody_waits(w: &World) {
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while w.count("postgres", WAITING).await == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_step_that_is_patient_waits_for_the_other() {
    let log = Log::of(3).await;
    log.write(1).await;
    let (mut other, _) = log.w.store.grow(log.tenant, true).await.unwrap();
    other.head().await.unwrap();
    let mut step = Box::pin(log.step());
    tokio::select! {
        biased;
        step = &mut step => panic!("{step:?}"),
        () = somebody_waits(&log.w) => drop(other),
    }
    assert_eq!(step.await.unwrap().unwrap().placed, 1);
}

#[tokio::test]
async fn a_step_that_is_not_patient_gives_way() {
    let log = Log::of(3).await;
    log.write(1).await;
    let (mut other, _) = log.w.store.grow(log.tenant, true).await.unwrap();
    assert_eq!(other.head().await.unwrap().unwrap().checkpoint.size, 3);
    let (mut hasty, _) = log.w.store.grow(log.tenant, false).await.unwrap();
    tokio::select! {
        biased;
        head = hasty.head() => assert!(matches!(head, Err(StoreError::Raced(_))), "{head:?}"),
        () = somebody_waits(&log.w) => panic!("it waits for the other"),
    }
    drop(hasty);
    let raced = log.sequencer.step(log.tenant, false).await;
    assert!(matches!(&raced, Err(error @ SequenceError::Store(_)) if error.is_raced()), "{raced:?}");
    drop(other);
    // Its transaction ends some time after it was dropped.
    let step = loop {
        match log.sequencer.step(log.tenant, false).await {
            Err(error) if error.is_raced() => tokio::task::yield_now().await,
            step => break step.unwrap().unwrap(),
        }
    };
    assert_eq!((step.placed, step.head.checkpoint.size), (1, 4));
}

#[tokio::test]
async fn as_many_leaves_as_there_are_get_places_a_few_thousand_at_a_time() {
    let log = Log::of(1).await;
    for _ in 0..11 {
        log.write(450).await;
    }
    let step = log.step().await.unwrap().unwrap();
    assert_eq!(step.placed, 2_250, "2,000 and the rest of a unit");
    log.catch_up().await;
    assert_eq!(log.verified().await.len(), 1 + 11 * 450);
}
