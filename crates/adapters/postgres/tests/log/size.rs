//! What it costs to read a log of many entries: counted in blocks, which are the same however busy the machine is.

use std::time::Duration;

use futures::future::join_all;
use ward::Store as _;
use ward::audit::log::{Which, prove_entry};
use ward::audit::{Event, Events, Search};
use ward::kernel::{Entity, EventId, Uuid};

use crate::logs::{Log, sequencer};
use crate::support::{LOOK, READ, open};

/// The blocks of logs and of their indexes that sessions have touched which have ended.
const TOUCHED: &str = "
    SELECT sum(coalesce(heap_blks_read + heap_blks_hit, 0) + coalesce(idx_blks_read + idx_blks_hit, 0)
        + coalesce(toast_blks_read + toast_blks_hit, 0) + coalesce(tidx_blks_read + tidx_blks_hit, 0))::bigint
    FROM pg_statio_user_tables WHERE schemaname = 'ward' AND relname LIKE 'audit%'";
const SESSIONS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'ward_app'";

/// As many entries as one append brings.
const FILL: u64 = 1_000;

#[derive(Clone, Copy, Debug)]
enum Act {
    Proof,
    NewestPage,
    OldestPage,
    RareWord,
}

const ACTS: [Act; 4] = [Act::Proof, Act::NewestPage, Act::OldestPage, Act::RareWord];

/// A log to which nobody has a session while it is neither written to nor read, and one of its first entries.
struct Grown {
    log: Log,
    id: EventId,
    about: Uuid,
}

impl Grown {
    async fn new() -> Self {
        let log = Log::new().await;
        let about = log.w.id();
        let id = append(&log, vec![about]).await;
        log.catch_up().await;
        Self { log, id, about }
    }

    async fn grow_to(&mut self, size: u64) {
        self.connect().await;
        while self.size().await < size {
            let about = || (0..FILL).map(|_| self.log.w.id()).collect();
            join_all((0..4).map(|_| append(&self.log, about()))).await;
            self.log.catch_up().await;
        }
        // What autovacuum does within a minute.
        self.log.w.db.run("postgres", "ANALYZE").await.unwrap();
        self.disconnect().await;
    }

    async fn size(&self) -> u64 {
        self.log.reading().await.head().await.unwrap().unwrap().checkpoint.size
    }

    async fn connect(&mut self) {
        let w = &mut self.log.w;
        w.store = open(&w.db, "ward_app", 8, &w.machine).await.unwrap();
        self.log.sequencer = sequencer(w);
    }

    /// A session says what it touched when it ends.
    async fn disconnect(&self) {
        self.log.w.store.close().await;
        while self.log.w.count("postgres", SESSIONS).await > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many blocks one act touches.
    async fn blocks(&mut self, act: Act) -> i64 {
        let before = self.log.w.count("postgres", TOUCHED).await;
        self.connect().await;
        self.act(act).await;
        self.disconnect().await;
        self.log.w.count("postgres", TOUCHED).await - before
    }

    async fn act(&self, act: Act) {
        let mut reading = self.log.reading().await;
        let (search, below, least) = match act {
            Act::Proof => return drop(prove_entry(&mut *reading, self.id, Which::Latest).await.unwrap()),
            Act::NewestPage => (Search::default(), None, 50),
            Act::OldestPage => (Search::default(), Some(60), 50),
            Act::RareWord => (Search { entity: Some(self.about), ..Search::default() }, None, 1),
        };
        assert_eq!(reading.entries(&search, below, 50).await.unwrap().entries.len(), least);
    }

    async fn costs(&mut self) -> Vec<i64> {
        let mut costs = Vec::new();
        for act in ACTS {
            costs.push(self.blocks(act).await);
        }
        costs
    }
}

/// Appends an entry about each, as fast as it goes; the first one's id.
async fn append(log: &Log, about: Vec<Uuid>) -> EventId {
    let events = about.into_iter().map(|id| Event::of(&LOOK, READ, Entity::new("note", id)));
    let reading = log.w.store.read(log.w.permit(log.tenant, &LOOK)).await.unwrap();
    let receipt = reading.disclose(Events::all(events).unwrap()).await.unwrap();
    *receipt.events().first().unwrap()
}

#[tokio::test]
async fn a_proof_a_page_and_a_search_touch_no_more_blocks_of_a_log_ten_times_as_long() {
    let mut grown = Grown::new().await;
    grown.grow_to(20_000).await;
    let short = grown.costs().await;
    grown.grow_to(200_000).await;
    let long = grown.costs().await;
    for (act, (short, long)) in ACTS.into_iter().zip(short.into_iter().zip(long)) {
        // A tree that is higher by a level, and indexes that are, are a few blocks more.
        assert!(0 < short && long <= short * 3 / 2 + 16, "{act:?}: {short} blocks, then {long}");
    }
}
