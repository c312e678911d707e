//! What is erased or dropped of a log while others look at it, write to it, or are cut short.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use tokio::task::{JoinHandle, spawn};
use ward::Keeping as _;
use ward::audit::log::{self, NoProof};
use ward::audit::tree::verify_consistency;
use ward::kernel::{EventId, StoreError};

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

/// Drops months until none can go: now and then others are in the way.
async fn drop_all(log: &Log) -> usize {
    let mut dropped = 0;
    loop {
        assert!(log.w.store.carry_over(log.tenant, years("6")).await.unwrap());
        match log.w.store.drop_month(years("6")).await {
            Err(StoreError::Raced(_)) => {}
            Ok(Some(_)) => dropped += 1,
            Ok(None) => return dropped,
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_while_old_entries_go_gets_its_place_and_all_that_stays_is_as_it_was() {
    let log = Arc::new(old().await);
    let (before, store) = (log.verified().await, &log.w.store);
    let said = say(&log, log.tenant, 512).await;
    let writers = [1, 2, 3, 40].map(|events| {
        Meanwhile::of(&log, move |log| async move { write(&log.w, log.tenant, events).await.unwrap() })
    });
    let grower = Meanwhile::of(&log, async |log| log.sequencer.catch_up(log.tenant).await.unwrap());
    assert!(store.prune(log.tenant, said, years("6")).await.unwrap());
    assert_eq!(drop_all(&log).await, 7);
    while store.forget_words(log.tenant).await.unwrap() + store.forget_places(log.tenant).await.unwrap() > 0 {
    }
    let written: Vec<EventId> = join_all(writers.map(Meanwhile::end)).await.concat().concat();
    assert_eq!(grower.end().await.concat(), [], "none is set aside");
    log.catch_up().await;

    let mut reading = log.reading().await;
    let head = reading.head().await.unwrap().unwrap().checkpoint;
    assert_eq!(head.size as usize, before.len() + 1 + written.len());
    for id in &written {
        assert!(reading.located(*id).await.unwrap().unwrap().0.is_some());
    }
    let look = log.look_again(u64::MAX >> 9).await.unwrap();
    assert_eq!((look.entries, look.size), (head.size - 512, head.size - 512));
    assert!(look.mended.is_none() && look.enlisted.is_empty(), "{look:?}");
    let seen = (before.len() as u64, root_of(&before));
    let path = log::prove_consistency(&mut *reading, seen.0, head.size).await.unwrap();
    verify_consistency(seen, (head.size, head.root), &path).unwrap();
    let gone = log::prove_entry(&mut *reading, before[511].id, log::Which::Latest).await;
    assert!(matches!(gone, Err(NoProof::Absent)));
}

/// Has whoever drops a month wait when nearly all is done.
const SLOW: &str = "
    ALTER FUNCTION ward.make_next() RENAME TO made_next;
    CREATE FUNCTION ward.make_next() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM ward.made_next(); PERFORM pg_sleep(600); END $$";
const FAST: &str = "DROP FUNCTION ward.make_next(); ALTER FUNCTION ward.made_next() RENAME TO make_next";
const END: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
const MONTHS: &str = "
    SELECT concat_ws(', ', (SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY 1) FROM pg_inherits WHERE inhparent = 'ward.audit_leaf'::regclass),
        (SELECT md5(string_agg(l::text, '' ORDER BY l.id)) FROM ward.audit_leaf l), (SELECT count(*) FROM ward.audit_leaf_next), (SELECT count(*) FROM ward.audit_carried))";

#[tokio::test(flavor = "multi_thread")]
async fn a_month_whose_dropping_was_cut_short_is_there_as_it_was_and_goes_the_next_time() {
    let log = Arc::new(old().await);
    let said = say(&log, log.tenant, 512).await;
    assert!(log.w.store.prune(log.tenant, said, years("6")).await.unwrap());
    assert!(log.w.store.carry_over(log.tenant, years("6")).await.unwrap());
    let before = log.w.text(MONTHS).await;
    log.w.db.run("ward_owner", SLOW).await.unwrap();
    let dropping = log.clone();
    let dropping = spawn(async move { dropping.w.store.drop_month(years("6")).await });
    while log.w.count("postgres", END).await == 0 {
        assert!(!dropping.is_finished());
    }
    assert!(dropping.await.unwrap().is_err());
    assert_eq!(log.w.text(MONTHS).await, before);
    log.w.db.run("ward_owner", FAST).await.unwrap();
    assert_eq!(drop_all(&log).await, 7);
    assert!(log.look_again(9).await.unwrap().mended.is_none());
}
