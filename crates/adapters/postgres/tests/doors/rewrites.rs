//! The ways in which the log could be rewritten: none is open, and each is seen that is opened.

use crate::support::world;

/// What the owner does, `{month}` being a partition, and what is said of it.
const OPENED: &[(&str, &str)] = &[
    ("GRANT UPDATE (body) ON ward.audit_leaf TO ward_app", "change entries"),
    ("GRANT UPDATE (at) ON ward.audit_leaf TO ward_app", "date entries anew"),
    ("GRANT UPDATE (mac) ON ward.audit_leaf TO ward_app", "vouch for entries anew"),
    ("GRANT DELETE ON ward.audit_leaf TO ward_app", "remove entries"),
    ("GRANT UPDATE ON ward.audit_place TO ward_app", "change what stands in a place"),
    ("GRANT DELETE ON ward.audit_place TO ward_app", "take entries out of their places"),
    ("GRANT UPDATE (hashes) ON ward.audit_tile TO ward_app", "change tiles"),
    ("GRANT DELETE ON ward.audit_tile TO ward_app", "remove tiles"),
    ("GRANT UPDATE ON ward.audit_head TO ward_app", "pass a log off as another"),
    ("GRANT DELETE ON ward.audit_head TO ward_app", "forget what a log said of itself"),
    ("GRANT DELETE, SELECT ON ward.audit_waiting TO ward_app", "forget entries that have no place"),
    ("GRANT UPDATE (outcome) ON ward.probe_run TO ward_app", "change what checks saw"),
    ("GRANT DELETE ON ward.probe_run TO ward_app", "remove what checks saw"),
    ("GRANT TRUNCATE ON ward.audit_tile TO ward_app", "TRUNCATE is granted"),
    ("GRANT TRUNCATE ON ward.audit_head TO ward_app", "TRUNCATE is granted"),
    ("GRANT TRUNCATE ON {month} TO ward_app", "TRUNCATE is granted"),
    ("GRANT INSERT (at) ON ward.audit_leaf TO ward_app", "the time of an entry can be set"),
    ("GRANT INSERT (body) ON {month} TO ward_app", "a partition of the log"),
    ("GRANT DELETE ON {month} TO ward_app", "a partition of the log"),
    ("ALTER TABLE {month} DISABLE TRIGGER append_only", "forbids changes"),
    ("DROP TRIGGER never_truncated ON {month}", "forbids changes"),
    ("DROP TRIGGER append_only ON ward.audit_place", "forbids changes"),
    ("ALTER TABLE ward.audit_leaf ENABLE REPLICA TRIGGER stamp", "sets the time"),
    ("ALTER TABLE {month} DISABLE TRIGGER stamp", "sets the time"),
    ("GRANT INSERT (first) ON ward.audit_start TO ward_app", "begin at another entry"),
    ("GRANT DELETE ON ward.audit_start TO ward_app", "begin at another entry"),
    ("ALTER TABLE ward.audit_head DISABLE TRIGGER only_grow", "only grow"),
    ("DROP TRIGGER not_before ON ward.audit_leaf", "before the latest entry"),
    ("ALTER TABLE ward.audit_place DISABLE TRIGGER only_behind", "behind all others"),
];

#[tokio::test]
async fn no_way_to_rewrite_the_log_is_open_and_each_that_is_opened_is_seen() {
    for (opened, what) in OPENED {
        let w = world().await;
        w.tenant().await;
        assert_eq!(w.store.rewrites().await.unwrap(), (vec![], 22));
        let month = w.text("SELECT tableoid::regclass::text FROM ward.audit_leaf LIMIT 1").await;
        w.db.run("ward_owner", opened.replace("{month}", &month)).await.unwrap();
        let (open, _) = w.store.rewrites().await.unwrap();
        assert!(matches!(&open[..], [open] if open.contains(what)), "{opened}: {open:?}");
    }
}
