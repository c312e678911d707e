//! The second wall between tenants, without the first, and what else the database refuses whoever serves.

use crate::support::{LOOK, world};
use ward::Store as _;
use ward::kernel::Uuid;
use ward_postgres::OpenError;

/// A place, a tile and a head.
const PLACED: &str = "
    INSERT INTO ward.audit_place (index, leaf, hash) SELECT 0, id, sha256('') FROM ward.audit_leaf;
    INSERT INTO ward.audit_tile (level, index, root, hashes, latest)
        VALUES (0, 0, sha256(''), decode(repeat('00', 8192), 'hex'), now());
    INSERT INTO ward.audit_head (origin, size, root, note, latest) VALUES ('one', 1, sha256('one'), '', now())";

const TENANTS: &str = "SELECT count(*) FROM ward.tenant";

#[tokio::test]
async fn row_level_security_holds_without_the_predicate() {
    let w = world().await;
    let (a, b) = (Uuid::from(w.tenant().await), Uuid::from(w.tenant().await));
    let as_b = |sql: &str| format!("BEGIN; SET LOCAL ward.tenant = '{b}'; {sql}; COMMIT");
    let insert = |tenant: Uuid| {
        format!(
            "INSERT INTO ward.record (tenant, id, subject, category, fields, created_at, updated_at)
                 VALUES ('{tenant}', '{a}', '{a}', 'x', '', now(), now())"
        )
    };
    assert!(
        w.db.run("ward_app", as_b(&insert(a))).await.unwrap_err().to_string().contains("row-level security")
    );
    w.db.run("ward_app", insert(a)).await.unwrap_err();
    w.db.run("ward_app", as_b("UPDATE ward.tenant SET name = 'x'")).await.unwrap();
    assert_eq!(w.count("ward_app", TENANTS).await, 0, "no tenant, no rows");
    assert_eq!(w.count("ward_owner", TENANTS).await, 0, "FORCE binds the owner");
    assert_eq!(
        w.count("postgres", "SELECT count(*) FROM ward.tenant WHERE name = 'x'").await,
        1,
        "its own alone"
    );
}

#[tokio::test]
async fn the_log_is_append_only_to_everyone() {
    let w = world().await;
    let tenant = Uuid::from(w.tenant().await);
    w.db.run("ward_owner", format!("SET ward.tenant = '{tenant}'; {PLACED}")).await.unwrap();
    let month = w.text("SELECT tableoid::regclass::text FROM ward.audit_leaf LIMIT 1").await;
    for role in ["ward_app", "ward_owner", "postgres"] {
        for sql in [
            "UPDATE ward.audit_leaf SET body = '{}'",
            "UPDATE ward.audit_leaf SET at = at - interval '1 minute'",
            "UPDATE {month} SET mac = sha256('')",
            "UPDATE ward.audit_leaf SET source = 'another'",
            "UPDATE {month} SET source = NULL, body = body || ' '",
            "UPDATE ward.audit_place SET hash = sha256('')",
            "UPDATE ward.audit_tile SET latest = latest - interval '1 minute'",
            "DELETE FROM ward.audit_leaf",
            "DELETE FROM {month}",
            "DELETE FROM ward.audit_place",
            "DELETE FROM ward.audit_tile",
            "TRUNCATE ward.audit_leaf",
            "TRUNCATE {month}",
            "TRUNCATE ward.audit_place",
            "TRUNCATE ward.audit_tile",
        ] {
            // Without a tenant there would be no row to refuse.
            let sql = sql.replace("{month}", &month);
            let refused = w.db.run(role, format!("SET ward.tenant = '{tenant}'; {sql}")).await.map(drop);
            assert_eq!(code(refused).as_deref(), Some("42501"), "{role}: {sql}");
        }
    }
}

#[tokio::test]
async fn nobody_who_serves_dates_an_entry_or_reaches_past_the_log() {
    let w = world().await;
    let tenant = Uuid::from(w.tenant().await);
    let month = w.text("SELECT tableoid::regclass::text FROM ward.audit_leaf LIMIT 1").await;
    for sql in [
        "INSERT INTO ward.audit_leaf (id, at) VALUES (gen_random_uuid(), '2020-01-01')",
        "INSERT INTO {month} (tenant, id, body, mac) SELECT tenant, id, body, mac FROM ward.audit_leaf",
        "SELECT FROM {month}",
        "ALTER TABLE ward.audit_leaf DETACH PARTITION {month}",
        "DROP TABLE {month}",
        "SELECT FROM ward.audit_waiting",
        "INSERT INTO ward.audit_waiting (tenant, first, leaves) VALUES (gen_random_uuid(), gen_random_uuid(), '{}')",
        "UPDATE ward.audit_waiting SET rejected_at = NULL",
        "DELETE FROM ward.audit_waiting",
        "DELETE FROM ward.audit_head",
    ] {
        let sql = sql.replace("{month}", &month);
        let refused = w.db.run("ward_app", format!("SET ward.tenant = '{tenant}'; {sql}")).await.map(drop);
        assert_eq!(code(refused).as_deref(), Some("42501"), "{sql}");
    }
}

#[tokio::test]
async fn a_head_is_followed_by_none_of_a_shorter_or_another_log() {
    let w = world().await;
    let tenant = Uuid::from(w.tenant().await);
    w.db.run("ward_owner", format!("SET ward.tenant = '{tenant}'; {PLACED}")).await.unwrap();
    for role in ["ward_app", "ward_owner", "postgres"] {
        for change in [
            "size = 0",
            "size = 0, root = sha256('')",
            "root = sha256('another')",
            "size = 2, latest = latest - interval '1 minute'",
            "origin = 'another'",
        ] {
            let sql = format!("SET ward.tenant = '{tenant}'; UPDATE ward.audit_head SET {change}");
            assert_eq!(
                code(w.db.run(role, sql).await.map(drop)).as_deref(),
                Some("42501"),
                "{role}: {change}"
            );
        }
        let grow = "UPDATE ward.audit_head SET size = size + 1, root = sha256(root), latest = latest + interval '1 second'";
        let cosign = "UPDATE ward.audit_head SET note = note || 'x', witnessed = 'x', witnessed_size = size";
        for sql in [grow, cosign] {
            let done = w.db.run(role, format!("SET ward.tenant = '{tenant}'; {sql}")).await;
            assert_eq!(done.unwrap(), 1, "{role}: {sql}");
        }
        for change in ["witnessed_size = witnessed_size - 1", "witnessed_size = NULL, witnessed = NULL"] {
            let sql = format!("SET ward.tenant = '{tenant}'; UPDATE ward.audit_head SET {change}");
            assert_eq!(
                code(w.db.run(role, sql).await.map(drop)).as_deref(),
                Some("42501"),
                "{role}: {change}"
            );
        }
    }
}

#[tokio::test]
async fn an_unconfined_role_is_refused() {
    let w = world().await;
    let (free, heir) = (w.id::<Uuid>().simple(), w.id::<Uuid>().simple());
    let (free, heir) = (format!("free_{free}"), format!("heir_{heir}"));
    let roles = format!(
        "CREATE ROLE {free} LOGIN BYPASSRLS; CREATE ROLE {heir} LOGIN IN ROLE ward_owner;
                         GRANT CONNECT ON DATABASE {} TO {free}",
        w.db.name()
    );
    w.db.run("postgres", roles).await.unwrap();
    for role in ["postgres", "ward_owner", &free, &heir] {
        let refused = crate::support::open(&w.db, role, 1, &w.machine).await;
        assert!(matches!(refused, Err(OpenError::Unconfined)), "{role}");
    }
}

#[tokio::test]
async fn what_lies_across_tenants_is_reached_through_functions_alone() {
    let w = world().await;
    for table in ["tenant_directory", "api_key_lookup", "job_lease", "audit_waiting"] {
        for verb in ["SELECT * FROM", "DELETE FROM", "TRUNCATE"] {
            let refused = w.db.run("ward_app", format!("{verb} ward.{table}")).await.unwrap_err();
            assert!(refused.to_string().contains("permission denied"), "{verb} {table}");
        }
    }
}

#[tokio::test]
async fn without_the_tenants_key_nothing_is_read_or_begun() {
    let w = world().await;
    let tenant = w.tenant().await;
    let locked = w.store.under(crate::support::keyring(&w.machine, 8));
    for refused in [
        locked.read(w.permit(tenant, &LOOK)).await.map(drop),
        locked.begin(w.permit(tenant, &LOOK)).await.map(drop),
        locked.refuse(&w.denied(tenant)).await,
    ] {
        assert!(matches!(refused, Err(ward::kernel::StoreError::KeyUnavailable(_))));
    }
}

fn code(answer: Result<(), sqlx::Error>) -> Option<String> {
    Some(answer.err()?.as_database_error()?.code()?.into_owned())
}
