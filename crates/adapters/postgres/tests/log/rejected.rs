//! Leaves that aren't what was written by the time that they should get a place.

use ward::kernel::{EventId, Uuid};

use crate::logs::Log;

/// How a leaf is altered, `{id}`; `{other}` is another of the same unit.
const ALTERED: [(&str, &str); 7] = [
    ("body", "UPDATE ward.audit_leaf SET body = replace(body, 'success', 'denied') WHERE id = '{id}'"),
    ("no JSON", "UPDATE ward.audit_leaf SET body = 'nothing' WHERE id = '{id}'"),
    ("mac", "UPDATE ward.audit_leaf SET mac = sha256(mac) WHERE id = '{id}'"),
    (
        "another's text and code",
        "UPDATE ward.audit_leaf l SET body = o.body, mac = o.mac FROM ward.audit_leaf o WHERE l.id = '{id}' AND o.id = '{other}'",
    ),
    (
        "time, further than its id lets it",
        "ALTER TABLE ward.audit_leaf DROP CONSTRAINT audit_leaf_dated;
         UPDATE ward.audit_leaf SET at = at - interval '11 minutes' WHERE id = '{id}'",
    ),
    ("deleted", "DELETE FROM ward.audit_leaf WHERE id = '{id}'"),
    (
        "deleted, and another put there",
        "CREATE TEMPORARY TABLE kept AS SELECT * FROM ward.audit_leaf WHERE id = '{id}';
         DELETE FROM ward.audit_leaf WHERE id = '{id}';
         INSERT INTO ward.audit_leaf SELECT tenant, id, at, '{}', sha256(''), source FROM kept",
    ),
];

/// What stands aside, and since when.
async fn aside(log: &Log) -> Vec<(Uuid, Vec<Uuid>, bool)> {
    let mut root = log.w.db.connect("postgres").await.unwrap();
    let waiting = "SELECT first, leaves, rejected_at <= clock_timestamp() FROM ward.audit_waiting";
    sqlx::query_as(waiting).fetch_all(&mut root).await.unwrap()
}

async fn alter(log: &Log, how: &str, id: EventId, other: EventId) {
    let fill = how.replace("{id}", &id.to_string()).replace("{other}", &other.to_string());
    log.tamper(&fill).await;
}

#[tokio::test]
async fn a_leaf_that_was_altered_stands_aside_and_the_others_get_their_places() {
    for (what, how) in ALTERED {
        let log = Log::of(3).await;
        let before = log.write(2).await;
        let leaves = log.write(5).await;
        let after = log.write(1).await;
        alter(&log, how, leaves[2], leaves[3]).await;

        let step = log.step().await.unwrap().unwrap();
        assert_eq!((step.placed, &step.rejected[..]), (7, &[leaves[2]][..]), "{what}");
        let entries: Vec<_> = log.verified().await.into_iter().skip(3).map(|entry| entry.id).collect();
        let others = leaves.iter().filter(|id| **id != leaves[2]);
        let others: Vec<_> = before.iter().chain(others).chain(&after).copied().collect();
        assert_eq!(entries, others, "{what}");
        let stands = (leaves[2].into(), vec![leaves[2].into()], true);
        assert_eq!(aside(&log).await, [stands], "{what}");
        assert_eq!(log.reading().await.rejected().await.unwrap(), [leaves[2]]);
        assert_eq!(log.step().await.unwrap(), None, "{what}: it is looked at once");
        assert_eq!(log.sequencer.waiting(10).await.unwrap(), []);
    }
}

#[tokio::test]
async fn where_every_leaf_was_altered_the_head_says_the_same_as_before() {
    let log = Log::of(3).await;
    let old = log.reading().await.head().await.unwrap().unwrap();
    for n in 1..=2 {
        log.write(2).await;
        let waiting = "SELECT unnest(w.leaves) FROM ward.audit_waiting w WHERE w.rejected_at IS NULL";
        log.w.db.run("postgres", format!("SET session_replication_role = replica; DELETE FROM ward.audit_leaf WHERE id IN ({waiting})")).await.unwrap();
        let step = log.step().await.unwrap().unwrap();
        assert_eq!((step.placed, step.rejected.len()), (0, 2));
        assert_eq!(step.head, old);
        assert_eq!(log.reading().await.rejected().await.unwrap().len(), 2 * n);
    }
    assert_eq!(log.verified().await.len(), 3);
    log.write(1).await;
    assert_eq!(log.step().await.unwrap().unwrap().placed, 1);
    assert_eq!(log.verified().await.len(), 4);
}

#[tokio::test]
async fn a_log_may_begin_with_leaves_that_stand_aside() {
    let log = Log::new().await;
    log.tamper("DELETE FROM ward.audit_leaf").await;
    let step = log.step().await.unwrap().unwrap();
    assert_eq!((step.placed, step.rejected.len(), step.head.checkpoint.size), (0, 1, 0));
    assert_eq!(log.verified().await.len(), 0);
    log.write(3).await;
    assert_eq!(log.step().await.unwrap().unwrap().placed, 3);
    assert_eq!(log.verified().await.len(), 3);
}

/// Storage dates an entry, and the writer's code can't know that date: until it has a place, only its id holds it, to ten minutes.
#[tokio::test]
async fn a_leaf_that_was_dated_anew_within_what_its_id_lets_it_gets_its_place() {
    let log = Log::of(3).await;
    let leaves = log.write(2).await;
    let how = "UPDATE ward.audit_leaf SET at = at - interval '1 minute' WHERE id = '{id}'";
    alter(&log, how, leaves[0], leaves[1]).await;
    let step = log.step().await.unwrap().unwrap();
    assert_eq!((step.placed, step.rejected.len()), (2, 0));
    log.verified().await;
}
