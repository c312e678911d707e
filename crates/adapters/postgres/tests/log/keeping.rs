//! What nobody has to keep is dropped, nothing younger, and the tree stays.

use futures::future::join_all;
use ward::audit::Search;
use ward::audit::keeping::KeptYears;
use ward::audit::log::{self, NoProof, Which};
use ward::audit::tree::{Hash, Path, Run, follow, verify_consistency, verify_inclusion};
use ward::kernel::{StoreError, Uuid};
use ward::{Keeping as _, Store as _};

use crate::logs::{Log, root_of, write};
use crate::old::{ago, founded, is_now, say, years};
use crate::support::WRITE;

const STORED: &str = "
    SELECT format('%s leaves, %s places from %s, words from %s, %s tiles', (SELECT count(*) FROM ward.audit_leaf), count(*), min(p.index),
        (SELECT min(tile) FROM ward.audit_word), (SELECT count(*) FROM ward.audit_tile)) FROM ward.audit_place p";

/// 600 entries of 79 months ago, 100 of 75 and of 70 months ago, and one of now.
pub(crate) async fn old() -> Log {
    filled(founded(79).await).await
}

async fn filled(log: Log) -> Log {
    for (months, entries) in [(79, 599), (75, 100), (70, 100)] {
        ago(&log.w, months);
        log.write(entries).await;
        log.catch_up().await;
    }
    is_now(&log.w).await;
    log.write(1).await;
    log.catch_up().await;
    log
}

/// Drops every month that can be.
async fn drop_all(log: &Log) -> usize {
    let (store, mut dropped) = (&log.w.store, 0);
    loop {
        assert!(store.carry_over(log.tenant, years("6")).await.unwrap());
        match store.drop_month(years("6")).await.unwrap() {
            Some(_) => dropped += 1,
            None => return dropped,
        }
    }
}

/// A value that was replaced, beside the last entry that goes and the first that stays.
const BESIDE: &str = "
    INSERT INTO ward.audit_value (tenant, subject, commitment, event, field, sealed)
    SELECT tenant, leaf, hash, leaf, 'of ' || index, hash FROM ward.audit_place WHERE index IN (511, 512)";

#[tokio::test]
async fn what_nobody_has_to_keep_is_dropped_and_the_tree_stays_as_it_was() {
    let log = old().await;
    let (store, before) = (&log.w.store, log.verified().await);
    let prunable = store.prunable(log.tenant, years("6")).await.unwrap().unwrap();
    assert_eq!(prunable.first, 512, "700 are older, and tiles go whole");
    let said = say(&log, log.tenant, prunable.first).await;
    let entry = log.reading().await.located(said).await.unwrap().unwrap().1;
    let root = root_of(before.get(..512).unwrap());
    assert!(entry.contains(r#""first":"512""#) && entry.contains(&format!(r#""root":"{root}""#)), "{entry}");

    log.w.db.run("postgres", BESIDE).await.unwrap();
    assert!(store.prune(log.tenant, said, years("6")).await.unwrap());
    assert_eq!(store.forget_places(log.tenant).await.unwrap(), 0, "what is there has its place");
    assert_eq!(drop_all(&log).await, 7, "79 to 73 months ago");
    assert_eq!(store.forget_places(log.tenant).await.unwrap(), 512);
    assert_eq!(store.forget_places(log.tenant).await.unwrap(), 0);
    assert_eq!(log.w.text("SELECT string_agg(field, ', ') FROM ward.audit_value").await, "of 512");
    assert!(store.forget_words(log.tenant).await.unwrap() > 0);
    assert_eq!(store.forget_words(log.tenant).await.unwrap(), 0);
    let left = "290 leaves, 290 places from 512, words from 2, 3 tiles";
    assert_eq!(log.w.text(STORED).await, left, "of the tile that stays all entries are there");
    assert_eq!(store.prunable(log.tenant, years("6")).await.unwrap(), None);

    write(&log.w, log.tenant, 300).await.unwrap();
    assert_eq!(log.step().await.unwrap().unwrap().head.checkpoint.size, 1102, "it grows on");
    let mut reading = log.reading().await;
    let found = reading.entries(&Search::default(), None, 10_000).await.unwrap();
    let (entries, damaged) = (found.entries, found.damaged);
    assert_eq!((entries.len(), entries.last().unwrap().index, damaged, found.reached), (590, 512, 0, None));
    let note = Search { action: Some("note.stored".into()), ..Search::default() };
    let found = reading.entries(&note, None, 10_000).await.unwrap();
    assert_eq!((found.entries.len(), found.damaged, found.reached), (589, 0, None));
    let (gone, kept) = (before.get(511).unwrap(), before.get(512).unwrap());
    assert!(
        reading.entry(gone.id).await.unwrap().is_none() && reading.entry(kept.id).await.unwrap().is_some()
    );
    assert!(matches!(log::prove_entry(&mut *reading, gone.id, Which::Latest).await, Err(NoProof::Absent)));
    let tile = |index| format!("entries/00{index}").parse().unwrap();
    for index in [0, 1] {
        let refused = log::tile(&mut *reading, tile(index)).await;
        assert!(matches!(refused, Err(NoProof::Pruned { first: 512 })), "{refused:?}");
        assert_eq!(
            log::tile(&mut *reading, format!("0/00{index}").parse().unwrap()).await.unwrap().len(),
            8192
        );
    }
    log::tile(&mut *reading, tile(2)).await.unwrap();
    let keys = reading.keys();
    let look = log.sequencer.look_again(log.tenant, &mut *reading, &keys, 9).await.unwrap();
    assert_eq!((look.entries, look.size), (590, 590), "what is pruned isn't there to be looked at");
}

#[tokio::test]
async fn an_old_proof_holds_and_the_log_is_still_consistent_with_what_was_seen() {
    let log = old().await;
    let before = log.verified().await;
    let seen = log.reading().await.head().await.unwrap().unwrap().checkpoint;
    let said = say(&log, log.tenant, 512).await;
    assert!(log.w.store.prune(log.tenant, said, years("6")).await.unwrap());
    drop_all(&log).await;
    while log.w.store.forget_places(log.tenant).await.unwrap() > 0 {}

    let mut reading = log.reading().await;
    let head = reading.head().await.unwrap().unwrap().checkpoint;
    for from in [1, 100, 256, 300, 511, 512, 513, seen.size] {
        let path = log::prove_consistency(&mut *reading, from, head.size).await.unwrap();
        let root = root_of(before.get(..usize::try_from(from).unwrap()).unwrap());
        verify_consistency((from, root), (head.size, head.root), &path).unwrap();
    }
    for index in [0, 255, 300, 511, 512, 600] {
        let leaf = Hash::leaf(before.get(usize::try_from(index).unwrap()).unwrap().text.as_bytes());
        let path = follow(&mut *reading, &Path::inclusion(index, head.size).unwrap()).await.unwrap().unwrap();
        verify_inclusion(leaf, (index, head.size), &path, head.root).unwrap();
    }
    let runs = [Run::tile(0, 0, 100), Run::tile(0, 2, 256), Run::tile(1, 0, 3)];
    let hashes = reading.hashes(&runs).await.unwrap();
    assert_eq!(hashes.iter().map(Vec::len).collect::<Vec<_>>(), [100, 256, 3]);
}

#[tokio::test]
async fn nothing_younger_goes_whatever_is_asked_for_or_said() {
    let log = old().await;
    let (store, tenant) = (&log.w.store, log.tenant);
    assert_eq!(
        store.prunable(tenant, years("7")).await.unwrap(),
        None,
        "there are 79 months, and 84 in seven years"
    );
    let least = years(&KeptYears::least().years.to_string());
    assert_eq!(store.prunable(tenant, least).await.unwrap().unwrap().first, 512);
    for asked in ["-1", "0", "1", "5", "NULL", "-2147483648"] {
        let sql = format!("SELECT 1 FROM ward.prunable({asked}) p WHERE p.first = 512");
        let first = format!("BEGIN; SET LOCAL ward.tenant = '{}'; {sql}", Uuid::from(tenant));
        assert_eq!(log.w.db.run("ward_app", first).await.unwrap(), 1, "{asked}");
    }
    for first in [768, 300, 0] {
        let said = say(&log, tenant, first).await;
        let refused = store.prune(tenant, said, years("6")).await;
        assert!(matches!(refused, Ok(false) | Err(StoreError::Failed(_))), "{first}: {refused:?}");
    }
    let unit = log.w.store.begin(log.w.permit(tenant, &WRITE)).await.unwrap();
    let other = unit.commit(log.w.wrote(log.w.id()).noting("first", 512)).await.unwrap();
    log.catch_up().await;
    let other = *other.events().first().unwrap();
    assert!(!store.prune(tenant, other, years("6")).await.unwrap(), "it says nothing of the kind");
    let waits = crate::old::write(&log, tenant, 512).await;
    assert!(!store.prune(tenant, waits, years("6")).await.unwrap(), "no signed head stands for it");
    assert_eq!(log.w.count("postgres", "SELECT count(*) FROM ward.audit_start").await, 0);
    assert!(!store.carry_over(tenant, years("6")).await.unwrap(), "the log has not said so");
    assert!(matches!(store.drop_month(years("6")).await, Err(StoreError::Failed(_))));
    log.catch_up().await;
    log.tamper("UPDATE ward.audit_head SET size = size - 1").await;
    assert!(!store.prune(tenant, waits, years("6")).await.unwrap(), "the head that stood for it is gone");
    log.tamper("UPDATE ward.audit_head SET size = size + 1").await;
    assert!(store.prune(tenant, waits, years("6")).await.unwrap());
    assert!(store.carry_over(tenant, years("6")).await.unwrap());
}

#[tokio::test]
async fn a_clock_that_is_ahead_makes_nothing_older_than_it_is() {
    let log = founded(79).await;
    for (ahead, months) in
        [("0 years", 72), ("2 months", 70), ("3 months", 69), ("7 years", 69), ("1000 years", 69)]
    {
        let kept = format!(
            "SELECT 1 WHERE ward.kept_from(6, date_trunc('month', now()) + interval '{ahead}' + interval '2 days')
                 = date_trunc('month', now() AT TIME ZONE 'UTC') - interval '{months} months'"
        );
        assert_eq!(
            log.w.db.run("ward_app", kept).await.unwrap(),
            1,
            "{ahead}: only months count that had room"
        );
    }
    log.w.db.run("ward_owner", "DO $$ BEGIN EXECUTE (SELECT format('DROP TABLE %s', part) FROM ward.months() ORDER BY month DESC OFFSET 9 LIMIT 1); END $$").await.unwrap();
    let kept = "SELECT 1 WHERE ward.kept_from(6, now() - interval '1 day') = date_trunc('month', now() AT TIME ZONE 'UTC' - interval '2 days') - interval '73 months'";
    assert_eq!(
        log.w.db.run("ward_app", kept).await.unwrap(),
        1,
        "a month that is missing counts for nothing"
    );
}

#[tokio::test]
async fn a_month_goes_when_every_log_lets_it_go_and_by_one_replica() {
    let log = founded(79).await;
    let other = log.w.tenant().await;
    let log = filled(log).await;
    let (w, store) = (&log.w, &log.w.store);
    let said = say(&log, log.tenant, 512).await;
    assert!(store.prune(log.tenant, said, years("6")).await.unwrap());
    for carried in join_all((0..8).map(|_| store.carry_over(log.tenant, years("6")))).await {
        assert!(carried.unwrap());
    }
    let held = store.drop_month(years("6")).await;
    let Err(StoreError::Failed(why)) = held else { panic!("{held:?}") };
    assert!(why.to_string().contains("55000"), "{why}: the other tenant has an entry in it");
    assert!(!store.carry_over(other, years("6")).await.unwrap(), "which has no place yet");
    log.sequencer.catch_up(other).await.unwrap();
    assert!(store.carry_over(other, years("6")).await.unwrap());
    let dropped: Vec<_> = join_all((0..8).map(|_| store.drop_month(years("6")))).await;
    let dropped = dropped.into_iter().filter_map(Result::ok).flatten().count();
    assert_eq!(dropped, 1, "the next month has to be let go by itself");
    assert_eq!(crate::logs::verified(w, other).await.len(), 1, "what has to stay lies elsewhere now");
    assert_eq!(w.count("postgres", "SELECT count(*) FROM ward.audit_leaf_rest").await, 89);
    w.db.run("ward_owner", "GRANT SELECT ON ward.audit_leaf_rest TO ward_app").await.unwrap();
    let found = store.proof().await.unwrap().findings;
    assert!(
        matches!(&found[..], [one] if one.rule.code == "R16"),
        "{found:?}: it is a partition like any other"
    );
}

#[tokio::test]
async fn what_is_erased_while_a_month_goes_stays_erased() {
    let log = old().await;
    let (store, first) = (&log.w.store, 512);
    let said = say(&log, log.tenant, first).await;
    assert!(store.prune(log.tenant, said, years("6")).await.unwrap());
    let sources = "SET session_replication_role = replica; UPDATE ward.audit_leaf SET source = '\\x01'";
    log.w.db.run("postgres", sources).await.unwrap();
    assert!(store.carry_over(log.tenant, years("6")).await.unwrap());
    let erase = format!(
        "SET ward.tenant = '{}'; UPDATE ward.audit_leaf SET source = NULL WHERE id IN (
            SELECT leaf FROM ward.audit_place WHERE index IN (512, 513))",
        Uuid::from(log.tenant)
    );
    log.w.db.run("ward_app", erase).await.unwrap();
    assert_eq!(drop_all(&log).await, 7);
    let erased = "SELECT string_agg(p.index::text, ', ' ORDER BY p.index) FROM ward.audit_place p
        JOIN ward.audit_leaf l ON l.tenant = p.tenant AND l.id = p.leaf WHERE l.source IS NULL AND p.index < 700";
    assert_eq!(log.w.text(erased).await, "512, 513");
}

#[tokio::test]
async fn a_database_that_was_not_told_for_how_long_drops_nothing() {
    let log = old().await;
    for told in ["DELETE FROM ward.audit_keeping", "INSERT INTO ward.audit_keeping (years) VALUES (10)"] {
        log.w.db.run("ward_owner", told).await.unwrap();
        assert_eq!(log.w.store.prunable(log.tenant, years("6")).await.unwrap(), None, "{told}");
        assert_eq!(log.w.store.drop_month(years("6")).await.unwrap(), None, "{told}");
    }
    for sql in ["UPDATE ward.audit_keeping SET years = 6", "DELETE FROM ward.audit_keeping"] {
        assert!(log.w.db.run("ward_app", sql).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn a_migration_tells_the_database_for_how_long_logs_are_kept() {
    let log = Log::new().await;
    let told = async || log.w.text("SELECT coalesce(max(years), 0)::text FROM ward.audit_keeping").await;
    for (keep, kept) in [(Some("7"), "7"), (Some("6"), "6"), (None, "0"), (Some("9"), "9")] {
        ward_postgres::migrate(&log.w.db.url("ward_owner"), keep.map(years)).await.unwrap();
        assert_eq!(told().await, kept);
    }
}

/// Of a month in which there is no more, two entries whose places are in another order than their times, and the end of a tile between them.
const OUT_OF_ORDER: &str = "
    SET session_replication_role = replica; DELETE FROM ward.audit_place WHERE tenant = '{tenant}';
    INSERT INTO ward.audit_place SELECT '{tenant}', n, ward.first_id('2020-10-05Z'::timestamptz + n * interval '1 s'), sha256('') FROM generate_series(0, 254) n;
    INSERT INTO ward.audit_place VALUES ('{tenant}', 255, ward.first_id('2020-11-28 12:00:01Z'), sha256('')),
        ('{tenant}', 256, ward.first_id('2020-11-28 12:00:00Z'), sha256(''));
    UPDATE ward.audit_head SET size = 257 WHERE tenant = '{tenant}'";

#[tokio::test]
async fn an_entry_that_stands_before_the_first_of_a_month_and_is_younger_is_kept() {
    let log = Log::of(1).await;
    let tenant = Uuid::from(log.tenant).to_string();
    log.w.db.run("postgres", OUT_OF_ORDER.replace("{tenant}", &tenant)).await.unwrap();
    let mut root = log.w.db.connect("postgres").await.unwrap();
    sqlx::query("SELECT set_config('ward.tenant', $1, false)").bind(tenant).execute(&mut root).await.unwrap();
    let since = sqlx::query_as("SELECT ward.first_since('2020-11-01'), ward.first_since('2020-12-01')");
    assert_eq!(since.fetch_one(&mut root).await.ok(), Some((0_i64, 256_i64)));
}

#[tokio::test]
async fn who_carried_over_one_month_has_not_carried_over_the_next() {
    let log = old().await;
    let said = say(&log, log.tenant, 512).await;
    assert!(log.w.store.prune(log.tenant, said, years("6")).await.unwrap());
    assert!(log.w.store.carry_over(log.tenant, years("6")).await.unwrap());
    let first = "SELECT min(month)::text FROM ward.months()";
    let before = log.w.text(first).await;
    let later = "UPDATE ward.audit_carried SET month = month - interval '1 month'"; // as an old snapshot has it
    log.w.db.run("postgres", later).await.unwrap();
    assert!(log.w.store.drop_month(years("6")).await.is_err());
    assert_eq!(log.w.text(first).await, before);
}

/// As the serving role, which says where a leaf stands.
const SAY: &str = "
    SET ward.tenant = 'TENANT';
    INSERT INTO ward.audit_place (index, leaf, hash) SELECT PLACE, l.id, sha256('') FROM ward.audit_leaf l WHERE l.id = 'LEAF'";

#[tokio::test]
async fn a_leaf_that_is_said_to_stand_where_the_log_was_let_go_of_gets_its_place_all_the_same() {
    let log = old().await;
    let said = say(&log, log.tenant, 512).await;
    assert!(log.w.store.prune(log.tenant, said, years("6")).await.unwrap());
    drop_all(&log).await;
    while log.w.store.forget_places(log.tenant).await.unwrap() > 0 {}
    let leaf = *write(&log.w, log.tenant, 1).await.unwrap().first().unwrap();
    let say = |place: &str| {
        let sql = SAY.replace("TENANT", &Uuid::from(log.tenant).to_string()).replace("PLACE", place);
        log.w.db.run("ward_app", sql.replace("LEAF", &Uuid::from(leaf).to_string()))
    };
    for place in ["7", "511", "(SELECT size - 1 FROM ward.audit_head)"] {
        let refused = say(place).await.unwrap_err().to_string();
        assert!(refused.contains("behind all others") || refused.contains("duplicate"), "{place}: {refused}");
    }
    log.catch_up().await;
    let (place, _) = log.reading().await.located(leaf).await.unwrap().unwrap();
    assert!(place.is_some(), "it has none");
    assert_eq!(log.w.count("postgres", "SELECT count(*) FROM ward.audit_waiting").await, 0);
}
