//! Looks at a log again: what finds its entries, what stands where nothing should, and how far the last look came.

use ward::audit::Search;
use ward::audit::sequence::SequenceError;
use ward::kernel::Uuid;
use ward::{Looks as _, Progress};

use crate::logs::{Log, sequencer};

async fn found(log: &Log, search: &Search) -> usize {
    log.reading().await.entries(search, None, 1_000).await.unwrap().entries.len()
}

/// The superuser, past every trigger.
async fn root(log: &Log, sql: &str) {
    log.w.db.run("postgres", format!("SET session_replication_role = replica; {sql}")).await.unwrap();
}

#[tokio::test]
async fn what_the_index_of_words_lost_is_found_put_back_and_then_right() {
    for lost in [
        "DELETE FROM ward.audit_word",
        "UPDATE ward.audit_word SET hits = hits & ~hits",
        "UPDATE ward.audit_word SET hits = set_bit(hits, 17, 0) WHERE tile = 1",
        "DELETE FROM ward.audit_word WHERE tile = 1",
    ] {
        let log = Log::of(600).await;
        log.look_again(100).await.unwrap();
        let all = "SELECT md5(string_agg(w::text, ',' ORDER BY w.word, w.tile)) FROM ward.audit_word w WHERE hits <> hits & ~hits";
        let (before, search) =
            (log.w.text(all).await, Search { words: vec!["stored".into()], ..Search::default() });
        let whole = found(&log, &search).await;
        root(&log, lost).await;
        assert!(found(&log, &search).await < whole, "{lost}");

        let look = log.look_again(100).await.unwrap();
        let first = if lost.contains("tile = 1") { 256 } else { 0 };
        assert!(
            matches!(look.mended, Some(SequenceError::Unfound { index }) if index == first),
            "{lost}: {look:?}"
        );
        assert_eq!((log.w.text(all).await, found(&log, &search).await), (before, whole), "{lost}");
        assert!(log.look_again(100).await.unwrap().mended.is_none(), "{lost}");
    }
}

#[tokio::test]
async fn what_the_index_of_words_has_too_much_of_is_found() {
    for more in [
        "UPDATE ward.audit_word SET hits = set_bit(hits, 3, 1)",
        "INSERT INTO ward.audit_word SELECT tenant, 7, 1, set_bit(hits, 200, 1) FROM ward.audit_word LIMIT 1",
    ] {
        let log = Log::of(600).await;
        root(&log, more).await;
        let looked = log.look_again(100).await;
        assert!(matches!(looked, Err(SequenceError::Misfound { .. })), "{more}: {looked:?}");
    }
}

#[tokio::test]
async fn a_latest_time_that_is_not_that_of_the_entries_is_found() {
    for (wrong, at) in [
        ("UPDATE ward.audit_tile SET latest = latest - interval '1 second' WHERE index = 0", 256),
        ("UPDATE ward.audit_tile SET latest = latest + interval '1 second' WHERE index = 1", 512),
        ("UPDATE ward.audit_head SET latest = '9999-01-01'", 600),
        ("UPDATE ward.audit_head SET latest = latest - interval '1 second'", 600),
    ] {
        let log = Log::of(600).await;
        log.look_again(100).await.unwrap();
        root(&log, wrong).await;
        let looked = log.look_again(100).await;
        assert!(matches!(looked, Err(SequenceError::Misdated { size }) if size == at), "{wrong}: {looked:?}");
    }
}

/// However few tiles a look has left, it holds the head against the end of the log.
#[tokio::test]
async fn the_end_of_a_log_is_looked_at_each_time() {
    for (wrong, is_rotten) in [
        ("UPDATE ward.audit_head SET latest = '9999-01-01'", false),
        (
            "UPDATE ward.audit_leaf l SET body = '{}' FROM ward.audit_place p WHERE p.index = 599 AND p.leaf = l.id",
            true,
        ),
    ] {
        let log = Log::of(600).await;
        root(&log, wrong).await;
        let looked = log.look_again(1).await;
        let found = match looked {
            Err(SequenceError::Rotten { index: 599 }) => is_rotten,
            Err(SequenceError::Misdated { size: 600 }) => !is_rotten,
            _ => false,
        };
        assert!(found, "{wrong}: {looked:?}");
    }
}

/// What the serving role may do, but never does.
const BEYOND: [&str; 5] = [
    "INSERT INTO ward.audit_place SELECT tenant, size, gen_random_uuid(), sha256('') FROM ward.audit_head",
    "INSERT INTO ward.audit_place SELECT tenant, 1000000, gen_random_uuid(), sha256('') FROM ward.audit_head",
    "INSERT INTO ward.audit_tile SELECT tenant, 0, 500, root, hashes, latest FROM ward.audit_tile",
    "INSERT INTO ward.audit_tile SELECT tenant, 3, 0, root, hashes, latest FROM ward.audit_tile",
    "INSERT INTO ward.audit_word SELECT tenant, word, 2, hits FROM ward.audit_word LIMIT 1",
];

#[tokio::test]
async fn what_stands_where_the_log_has_no_entry_yet_is_found() {
    for sql in BEYOND {
        let log = Log::of(300).await;
        log.look_again(100).await.unwrap();
        log.w.db.run("ward_app", format!("SET ward.tenant = '{}'; {sql}", log.tenant)).await.unwrap();
        let looked = log.look_again(100).await;
        assert!(matches!(looked, Err(SequenceError::Overgrown)), "{sql}: {looked:?}");
    }
    let log = Log::new().await;
    let sql = "INSERT INTO ward.audit_place SELECT ward.tenant(), 0, gen_random_uuid(), sha256('')";
    log.w.db.run("ward_app", format!("SET ward.tenant = '{}'; {sql}", log.tenant)).await.unwrap();
    assert!(matches!(log.look_again(1).await, Err(SequenceError::Overgrown)), "a log without a head");
}

/// Nobody else gives places while a head is held: no race, in which one would wait for the other.
#[tokio::test]
async fn a_place_that_is_taken_is_damage_and_no_race() {
    let log = Log::of(3).await;
    log.w.db.run("ward_app", format!("SET ward.tenant = '{}'; {}", log.tenant, BEYOND[0])).await.unwrap();
    let refused = log.refused().await;
    assert!(matches!(refused, SequenceError::Taken { index: 3 }), "{refused:?}");
}

#[tokio::test]
async fn a_look_goes_on_where_the_last_ended_whoever_took_it() {
    let log = Log::of(1_100).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let (mut reading, keys) = (log.reading().await, log.keys().await);
        let another = sequencer(&log.w); // after a restart, or elsewhere
        let look = another.look_again(log.tenant, &mut *reading, &keys, 2).await.unwrap();
        assert_eq!(look.size, 1_100);
        seen.push((look.tiles, look.entries));
    }
    assert_eq!(seen, [(2, 512), (2, 512), (1, 76), (2, 512)]);
    let next = "SELECT tile::text FROM ward.audit_look";
    assert_eq!(log.w.text(next).await, "2");
}

#[tokio::test]
async fn nobody_sets_back_how_far_another_has_looked_meanwhile() {
    let log = Log::of(3).await;
    let (store, began) = (&log.w.store, Progress::default());
    for (from, to, kept) in [(0, 64, 64), (0, 32, 64), (64, 128, 128), (64, 96, 128), (128, 0, 0)] {
        let at = |tile| Progress { tile, ..began };
        store.keep_progress(log.tenant, at(from), at(to)).await.unwrap();
        assert_eq!(store.progress(log.tenant).await.unwrap(), at(kept), "{from} to {to}");
    }
}

#[tokio::test]
async fn what_is_broken_is_looked_at_before_what_was_found_sound() {
    let log = Log::of(300).await;
    let other = log.w.tenant().await;
    log.look_again(9).await.unwrap();
    let turn = async |of: &ward::Sequencer| of.in_turn(vec![log.tenant, other]).await.unwrap();
    assert_eq!(turn(&log.sequencer).await, [other, log.tenant], "one never looked at comes first");
    assert_eq!(turn(&sequencer(&log.w)).await, [other, log.tenant], "and after a restart");
    let mut reading = crate::logs::reading(&log.w, other).await;
    let keys = reading.keys();
    log.sequencer.step(other, true).await.unwrap();
    log.w.machine.advance(chrono::TimeDelta::seconds(1));
    log.sequencer.look_again(other, &mut *reading, &keys, 9).await.unwrap();
    assert_eq!(turn(&log.sequencer).await, [log.tenant, other], "the longest ago");
    root(&log, &format!("UPDATE ward.audit_head SET latest = '9999-01-01' WHERE tenant = '{other}'")).await;
    log.sequencer.look_again(other, &mut *reading, &keys, 9).await.unwrap_err();
    assert_eq!(turn(&log.sequencer).await, [other, log.tenant], "what isn't sound");
}

#[tokio::test]
async fn no_time_is_stored_that_a_program_can_not_read() {
    let log = Log::of(3).await;
    log.look_again(1).await.unwrap();
    for column in ["audit_head SET latest", "audit_look SET at"] {
        for time in ["infinity", "-infinity", "200000-01-01", "9999-12-31 00:00:01Z"] {
            let sql =
                format!("SET ward.tenant = '{}'; UPDATE ward.{column} = '{time}'", Uuid::from(log.tenant));
            assert!(log.w.db.run("ward_app", sql).await.is_err(), "{column} {time}");
        }
    }
}
