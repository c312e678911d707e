//! API keys, as they are looked up before the tenant is known.

use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use ward::kernel::Uuid;

use crate::support::{World, world};

const KEY: &str = "00000000-0000-0000-0000-0000000000aa";

const LOOKUP: &str = "SELECT revoked_at::text FROM ward.api_key_lookup";

/// A tenant with a key that was published, and how to run SQL in it, as the serving role.
async fn published() -> (World, impl Fn(&str) -> String) {
    let w = world().await;
    let tenant = Uuid::from(w.tenant().await);
    let within = move |sql: &str| format!("BEGIN; SET LOCAL ward.tenant = '{tenant}'; {sql}; COMMIT");
    let made = format!(
        "INSERT INTO ward.api_key (id, name, mode, permissions, hint, maker_kind, created_at)
         VALUES ('{KEY}', 'Key', 'live', '{{}}', 'abcd', 'system', now());
         SELECT ward.publish_api_key(sha256('one'), '{KEY}')"
    );
    w.db.run("ward_app", within(&made)).await.unwrap();
    (w, within)
}

async fn code(w: &World, sql: String) -> String {
    let refused = w.db.run("ward_app", sql).await.unwrap_err();
    refused.as_database_error().and_then(|error| error.code()).unwrap().into_owned()
}

#[tokio::test]
async fn a_revocation_is_final() {
    let (w, within) = published().await;
    let restrict = format!("SELECT ward.restrict_api_key('{KEY}')");
    let revoked = async || {
        let mut root = w.db.connect("postgres").await.unwrap();
        root.fetch_one(LOOKUP).await.unwrap().get::<Option<String>, _>(0)
    };
    let revoke = format!("UPDATE ward.api_key SET revoked_at = '2026-01-01'; {restrict}");
    w.db.run("ward_app", within(&revoke)).await.unwrap();
    let at = revoked().await;
    assert!(at.is_some());

    for undo in ["revoked_at = NULL", "revoked_at = now()"] {
        assert_eq!(code(&w, within(&format!("UPDATE ward.api_key SET {undo}"))).await, "42501", "{undo}");
    }
    // Nor where the key's own row was changed behind its trigger.
    let undo = "SET session_replication_role = replica; UPDATE ward.api_key SET revoked_at = NULL";
    w.db.run("postgres", undo).await.unwrap();
    assert_eq!(code(&w, within(&restrict)).await, "42501");
    assert_eq!(revoked().await, at);
}

#[tokio::test]
async fn a_key_has_one_digest() {
    let (w, within) = published().await;
    let again = format!("SELECT ward.publish_api_key(sha256('two'), '{KEY}')");
    assert_eq!(code(&w, within(&again)).await, "23505");
}

#[tokio::test]
async fn a_key_that_was_used_is_found_by_its_id() {
    let (w, _) = published().await;
    let others = "INSERT INTO ward.api_key_lookup (digest, owner, tenant, id, permissions)
                  SELECT sha256(n::text::bytea), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), '{}'
                  FROM generate_series(1, 2000) n; ANALYZE ward.api_key_lookup";
    w.db.run("postgres", others).await.unwrap();
    let touch = format!("BEGIN; SELECT ward.touch_api_keys('{{{KEY}}}', '{{2026-01-01}}')");
    let mut app = w.db.connect("ward_app").await.unwrap();
    app.execute(AssertSqlSafe(touch)).await.unwrap();
    let scans = "SELECT seq_scan, n_tup_upd FROM pg_stat_xact_user_tables WHERE relid = 'ward.api_key_lookup'::regclass";
    let row = app.fetch_one(scans).await.unwrap();
    assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1)), (0, 1), "no scan of all keys");
}

#[tokio::test]
async fn nobody_who_serves_removes_a_subject() {
    let (w, within) = published().await;
    assert_eq!(code(&w, within("DELETE FROM ward.subject")).await, "42501");
}
