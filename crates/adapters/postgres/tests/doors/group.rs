//! What commits together with others of other tenants: each in its own log, and none for the faults of another.

use futures::future::join_all;
use ward::Store as _;
use ward::audit::{Event, Receipt};
use ward::kernel::{SubjectId, TenantId, Uuid};

use crate::support::{LOOK, READ, World, world};

/// Discloses once, and says so in the log.
async fn look(w: &World, tenant: TenantId, subject: SubjectId) -> Option<Receipt> {
    let reading = w.store.read(w.permit(tenant, &LOOK)).await.unwrap();
    reading.disclose(Event::of(&LOOK, READ, subject).disclosing(["email"])).await.ok()
}

/// Of each tenant, how many entries there are of what this test did, and how many name another tenant.
async fn entries(w: &World, tenant: TenantId) -> (i64, i64) {
    let mut root = w.db.connect("postgres").await.unwrap();
    let counts = "SELECT count(*), count(*) FILTER (WHERE body::json ->> 'tenant' <> tenant::text) FROM ward.audit_leaf
                  WHERE tenant = $1 AND body::json ->> 'action' = 'note.disclosed'";
    sqlx::query_as(counts).bind(Uuid::from(tenant)).fetch_one(&mut root).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_many_tenants_that_commit_together_stand_each_in_its_own_log() {
    let w = world().await;
    let mut tenants = Vec::new();
    for _ in 0..8 {
        tenants.push(w.tenant().await);
    }
    let looks = tenants.iter().cycle().take(400).map(|tenant| look(&w, *tenant, w.id()));
    assert!(join_all(looks).await.iter().all(Option::is_some));
    for tenant in tenants {
        assert_eq!(entries(&w, tenant).await, (50, 0));
        let waiting =
            "SELECT count(*) FROM ward.audit_waiting w, unnest(w.leaves) l JOIN ward.audit_leaf a ON a.id = l
                       WHERE a.tenant <> w.tenant";
        assert_eq!(w.count("postgres", waiting).await, 0);
    }
}

/// On one thread, so that all of them wait before the first commit begins.
#[tokio::test]
async fn entries_that_wait_at_the_same_time_share_few_commits_of_bounded_size() {
    let w = world().await;
    let mut tenants = Vec::new();
    for _ in 0..20 {
        tenants.push(w.tenant().await);
        look(&w, *tenants.last().unwrap(), w.id()).await.unwrap(); // its keys are at hand from now on
    }
    let commits =
        "SELECT DISTINCT xmin::text FROM ward.audit_leaf WHERE body::json ->> 'action' = 'note.disclosed'";
    let alone = w.db.run("postgres", commits).await.unwrap();
    let looks = (0..300).map(|_| look(&w, tenants[0], w.id()));
    assert!(join_all(looks).await.iter().all(Option::is_some));
    assert_eq!(w.db.run("postgres", commits).await.unwrap(), alone + 3);
    let looks = tenants.iter().map(|tenant| look(&w, *tenant, w.id()));
    assert!(join_all(looks).await.iter().all(Option::is_some));
    assert_eq!(w.db.run("postgres", commits).await.unwrap(), alone + 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_fails_alone_and_leaves_nothing() {
    let w = world().await;
    let (sound, mixed, broken) = (w.tenant().await, w.tenant().await, w.tenant().await);
    let poison: SubjectId = w.id();
    let sql = format!(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.tenant = '{broken}' OR NEW.body LIKE '%{poison}%' THEN RAISE EXCEPTION 'refused'; END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON ward.audit_leaf FOR EACH ROW EXECUTE FUNCTION public.refuse()",
        broken = Uuid::from(broken),
        poison = Uuid::from(poison)
    );
    w.db.run("postgres", sql).await.unwrap();
    let looks = (0..300).map(|n| {
        let tenant = [sound, mixed, broken][n % 3];
        look(&w, tenant, if n % 30 == 1 { poison } else { w.id() })
    });
    let done = join_all(looks).await;
    for (n, receipt) in done.iter().enumerate() {
        assert_eq!(receipt.is_some(), n % 3 != 2 && n % 30 != 1, "{n}");
    }
    assert_eq!(entries(&w, sound).await, (100, 0));
    assert_eq!(entries(&w, mixed).await, (90, 0));
    assert_eq!(entries(&w, broken).await, (0, 0));
}
