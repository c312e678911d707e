//! The second wall between tenants, without the first, and what else the database refuses whoever serves.

use crate::support::{LOOK, world};
use ward::Store as _;
use ward::kernel::Uuid;
use ward_postgres::OpenError;

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
    for role in ["ward_app", "ward_owner", "postgres"] {
        for sql in [
            "UPDATE ward.audit_leaf SET action = 'x'",
            "DELETE FROM ward.audit_leaf",
            "TRUNCATE ward.audit_leaf",
        ] {
            // Without it there would be no row to refuse.
            let refused = w.db.run(role, format!("SET ward.tenant = '{tenant}'; {sql}")).await;
            refused.expect_err(&format!("{role}: {sql}"));
        }
    }
    let backdated = "INSERT INTO ward.audit_leaf (id, at) VALUES (gen_random_uuid(), '2020-01-01')";
    assert!(w.db.run("ward_app", backdated).await.unwrap_err().to_string().contains("permission denied"));
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
    for table in ["tenant_directory", "api_key_lookup", "job_lease"] {
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
