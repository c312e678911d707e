//! A tenant founded by a Ward that made fewer keys is given the others once, whoever asks first, and its log says so.

use std::sync::Arc;

use futures::future::join_all;
use ward::Unit as _;
use ward::crypto::{PresentedToken, TokenPurpose};
use ward::kernel::{Clock as _, StoreError, TenantId, Uuid};
use ward_postgres::Postgres;
use ward_testkit::Machine;

use crate::support::{LOOK, WRITE, World, open, world};

/// As if the tenant had been founded before there were tokens: with eight keys.
async fn founded_early(w: &World) -> TenantId {
    let tenant = w.tenant().await;
    let (id, early) = (Uuid::from(tenant), "DELETE FROM ward.wrapped_key WHERE purpose = 'token' AND tenant");
    assert_eq!(w.db.run("postgres", format!("{early} = '{id}'")).await.unwrap(), 1);
    assert_eq!(keys(w).await, "api_key audit idempotency import index log queue tenant");
    tenant
}

async fn keys(w: &World) -> String {
    w.text("SELECT string_agg(purpose, ' ' ORDER BY purpose) FROM ward.wrapped_key").await
}

const ADDED: &str = "SELECT count(*) FROM ward.audit_leaf WHERE body LIKE '%keys.added%'";

/// A token signed by one replica, as another reads it.
async fn verifies(w: &World, signed_by: &Postgres, by: &Postgres, tenant: TenantId) -> bool {
    let unit = signed_by.unit(w.permit(tenant, &WRITE)).await.unwrap();
    let token = unit.keys().token().sign(TokenPurpose::Invitation, b"7", None).unwrap();
    let presented = PresentedToken::parse(token.as_str()).unwrap();
    let reading = by.unit(w.permit(presented.tenant(), &LOOK)).await.unwrap();
    reading.keys().token().verify(TokenPurpose::Invitation, &presented, w.machine.now()).is_ok()
}

#[tokio::test]
async fn the_first_use_of_an_early_tenant_makes_the_keys_it_lacks() {
    let w = world().await;
    let tenant = founded_early(&w).await;
    let other = open(&w.db, "ward_app", 2, &w.machine).await.unwrap();
    assert!(verifies(&w, &w.store, &other, tenant).await && verifies(&w, &other, &w.store, tenant).await);
    assert_eq!(keys(&w).await, "api_key audit idempotency import index log queue tenant token");
    assert_eq!(w.count("postgres", ADDED).await, 1);
    let said = "SELECT body FROM ward.audit_leaf WHERE body LIKE '%keys.added%'";
    let said = w.text(said).await;
    assert!(said.contains(r#""purposes":"token""#) && said.contains("addKeys"), "{said}");
    w.tenant().await;
    assert_eq!(w.count("postgres", ADDED).await, 1, "a tenant founded today lacks nothing");
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_makes_them() {
    let w = world().await;
    let tenant = founded_early(&w).await;
    let machine: &Arc<Machine> = &w.machine;
    let replicas =
        join_all((0..6).map(|_| async { open(&w.db, "ward_app", 4, machine).await.unwrap() })).await;
    let permits = || (0..4).map(|_| w.permit(tenant, &LOOK));
    let asked = replicas.iter().flat_map(|store| permits().map(|permit| store.reading(permit)));
    for reading in join_all(asked.collect::<Vec<_>>()).await {
        reading.unwrap();
    }
    for pair in replicas.windows(2) {
        assert!(verifies(&w, &pair[0], &pair[1], tenant).await);
    }
    assert_eq!(w.count("postgres", ADDED).await, 1);
    assert_eq!(keys(&w).await, "api_key audit idempotency import index log queue tenant token");
}

#[tokio::test]
async fn without_the_root_key_none_are_made_nor_is_any_other_that_is_missing() {
    let w = world().await;
    let tenant = founded_early(&w).await;
    let locked = w.store.under(crate::support::keyring(&w.machine, 8));
    let unavailable =
        |unit: Result<_, StoreError>| matches!(unit.map(drop), Err(StoreError::KeyUnavailable(_)));
    assert!(unavailable(locked.unit(w.permit(tenant, &LOOK)).await));
    w.db.run("postgres", "DELETE FROM ward.wrapped_key WHERE purpose = 'queue'").await.unwrap();
    assert!(unavailable(w.store.unit(w.permit(tenant, &LOOK)).await));
    assert_eq!(keys(&w).await, "api_key audit idempotency import index log tenant");
    let copy = "INSERT INTO ward.wrapped_key (tenant, id, purpose, bytes, commitment)
                SELECT tenant, 60, 'later', bytes, commitment FROM ward.wrapped_key WHERE purpose = 'index'";
    w.db.run("postgres", copy).await.unwrap();
    let other = open(&w.db, "ward_app", 2, &w.machine).await.unwrap();
    let refused = other.unit(w.permit(tenant, &LOOK)).await.map(drop);
    assert!(
        matches!(refused, Err(StoreError::KeyUnavailable(_))),
        "no Ward wrapped it for that: {refused:?}"
    );
    assert_eq!(w.count("postgres", ADDED).await, 0);
}

#[tokio::test]
async fn a_key_whose_purpose_was_changed_to_a_word_that_nobody_knows_closes_the_tenant_and_none_takes_its_place()
 {
    let w = world().await;
    let tenant = w.tenant().await;
    for purpose in ["token", "index"] {
        let rename = |from: &str, to: &str| {
            let sql = format!("UPDATE ward.wrapped_key SET purpose = '{to}' WHERE purpose = '{from}'");
            format!("SET session_replication_role = replica; {sql}; RESET session_replication_role")
        };
        w.db.run("postgres", rename(purpose, "later")).await.unwrap();
        let other = open(&w.db, "ward_app", 2, &w.machine).await.unwrap();
        let refused = other.unit(w.permit(tenant, &LOOK)).await.map(drop);
        assert!(matches!(refused, Err(StoreError::KeyUnavailable(_))), "{purpose}: {refused:?}");
        w.db.run("postgres", rename("later", purpose)).await.unwrap();
        let other = open(&w.db, "ward_app", 2, &w.machine).await.unwrap();
        other.unit(w.permit(tenant, &LOOK)).await.unwrap();
    }
    assert_eq!(w.count("postgres", ADDED).await, 0);
}
