//! The partitions of the log.

use futures::future::join_all;
use ward::Logs as _;
use ward::kernel::{StoreError, Uuid};

use crate::logs::{Log, write};
use crate::support::{World, world};

/// Where each partition begins and ends, as instants.
const BORDERS: &str = "
    SELECT coalesce(string_agg(replace(format('%s', b.at AT TIME ZONE 'UTC'), ' 00:00:00', ''), ' ' ORDER BY b.at), '')
    FROM (SELECT DISTINCT to_timestamp(('x' || replace(left(m[1], 13), '-', ''))::bit(48)::bigint / 1000) AS at
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
               regexp_matches(pg_get_expr(c.relpartbound, c.oid), '''([0-9a-f-]{36})''', 'g') m
          WHERE i.inhparent = 'ward.audit_leaf'::regclass) b";

const EXPECTED: &str = "
    SELECT string_agg(to_char(m, 'YYYY-MM-DD'), ' ' ORDER BY m) FROM generate_series(
        date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month',
        date_trunc('month', now() AT TIME ZONE 'UTC') + interval '4 months', '1 month') m";

const MONTHS: &str = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'ward.audit_leaf'::regclass";

const LAST_TWO_DROPPED: &str = "
    DO $$ DECLARE last record; BEGIN
        FOR last IN SELECT part FROM ward.months() ORDER BY month DESC LIMIT 2 LOOP EXECUTE format('DROP TABLE %s', last.part); END LOOP;
    END $$";

async fn months(w: &World) -> i64 {
    w.count("postgres", MONTHS).await
}

async fn keep(w: &World, ahead: &str, zone: &str) {
    let sql = format!("SET TimeZone = '{zone}'; SELECT ward.keep_months({ahead})");
    w.db.run("ward_app", sql).await.unwrap();
}

#[tokio::test]
async fn months_are_kept_ahead_once_however_often_and_by_whomever() {
    let w = world().await;
    assert_eq!(months(&w).await, 5);
    w.store.keep_months(3).await.unwrap();
    assert_eq!(months(&w).await, 5);
    w.db.run("ward_owner", LAST_TWO_DROPPED).await.unwrap();
    assert_eq!(months(&w).await, 3);
    for kept in join_all((0..8).map(|_| w.store.keep_months(3))).await {
        kept.unwrap();
    }
    assert_eq!(months(&w).await, 5);
    w.store.keep_months(1).await.unwrap();
    assert_eq!(months(&w).await, 5, "none is taken away");
}

#[tokio::test]
async fn months_are_the_same_whatever_one_asks_for_and_wherever() {
    for zone in ["UTC", "America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu", "Europe/Berlin"] {
        let w = world().await;
        w.db.run("ward_owner", LAST_TWO_DROPPED).await.unwrap();
        for ahead in ["-1", "0", "NULL", "-2147483648"] {
            keep(&w, ahead, zone).await;
            assert_eq!(months(&w).await, 3, "{zone}: {ahead}");
        }
        for ahead in ["2147483647", "3", "4"] {
            keep(&w, ahead, zone).await;
            assert_eq!(months(&w).await, 5, "{zone}: {ahead}: more would only be looked at in vain");
        }
        assert_eq!(w.text(BORDERS).await, w.text(EXPECTED).await, "{zone}");
        let findings = w.store.proof().await.unwrap().findings;
        assert!(findings.is_empty(), "{zone}: {findings:?}");
    }
}

#[tokio::test]
async fn a_leaf_whose_month_is_missing_cannot_be_written() {
    let log = Log::of(2).await;
    let month = log.w.text("SELECT tableoid::regclass::text FROM ward.audit_leaf LIMIT 1").await;
    log.w.db.run("ward_owner", format!("DROP TABLE {month}")).await.unwrap();
    let refused = write(&log.w, log.tenant, 2).await;
    assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    let waiting = "SELECT count(*) FROM ward.audit_waiting";
    assert_eq!(log.w.count("postgres", waiting).await, 0, "nothing waits that was not written");
    log.w.store.keep_months(0).await.unwrap();
    write(&log.w, log.tenant, 2).await.unwrap();
    let step = log.step().await.unwrap().unwrap();
    assert_eq!((step.placed, step.head.checkpoint.size), (2, 4));
}

#[tokio::test]
async fn leaves_lie_in_the_month_of_their_ids() {
    let w = world().await;
    let tenant = Uuid::from(w.tenant().await);
    let first = "date_trunc('month', now(), 'UTC')";
    for (at, month) in
        [(format!("{first} - interval '1 millisecond'"), "previous"), (first.into(), "current")]
    {
        let sql = format!(
            "SET session_replication_role = replica;
             INSERT INTO ward.audit_leaf (tenant, id, at, body, mac) SELECT '{tenant}', ward.first_id(x), x, '{month}', sha256('')
             FROM (SELECT {at} AS x) x"
        );
        w.db.run("postgres", sql).await.unwrap();
    }
    let lies = "SELECT string_agg(l.body || right(l.tableoid::regclass::text, 7), ' ' ORDER BY l.id) FROM ward.audit_leaf l
                WHERE l.body IN ('previous', 'current')";
    let expected = "SELECT format('previous%s current%s', to_char(m - interval '1 month', 'YYYY_MM'), to_char(m, 'YYYY_MM'))
                    FROM date_trunc('month', now() AT TIME ZONE 'UTC') m";
    assert_eq!(w.text(lies).await, w.text(expected).await);
}
