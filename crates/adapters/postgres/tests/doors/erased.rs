//! Who is put down as erased is, whoever says so; and who is still to be is told of every tenant.

use sqlx::Connection as _;
use ward::kernel::{SubjectId, TenantId, Uuid};
use ward::{ErasureBook as _, Store as _};

use crate::support::{WRITE, World, world};

/// A tenant, and somebody of theirs who has a key and no other trace.
async fn somebody(w: &World) -> (TenantId, Uuid) {
    let (tenant, subject) = (w.tenant().await, w.id::<SubjectId>());
    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    unit.make(&[subject]).await.unwrap();
    unit.commit(w.wrote(subject)).await.unwrap();
    let id = Uuid::from(subject);
    w.sql(tenant, format!("INSERT INTO ward.subject (id, kind, fields, created_at, updated_at) VALUES ('{id}', 'patient', '', now(), now())"))
        .await
        .unwrap();
    (tenant, id)
}

impl World {
    /// Statements of the serving role's own, in one transaction for a tenant.
    async fn sql(&self, tenant: TenantId, sql: String) -> Result<u64, sqlx::Error> {
        let tenant = Uuid::from(tenant);
        self.db.run("ward_app", format!("SELECT set_config('ward.tenant', '{tenant}', true); {sql}")).await
    }

    /// Why a record of it is refused.
    async fn refuses(&self, tenant: TenantId, before: &str, record: &str) -> String {
        let put = format!("{before}; {RECORD} {record}");
        self.sql(tenant, put).await.unwrap_err().to_string()
    }
}

const RECORD: &str = "INSERT INTO ward.key_destroyed (subject, keys, destroyed_at, replayed_at, reason, suite, records_gone, values_gone)";

/// A record of somebody, as what comes before its reason.
fn record(of: Uuid, keys: &str, at: &str, again: &str) -> String {
    format!("SELECT '{of}', {keys}, {at}, ({again})::timestamptz, 'requested', 'aes-256-gcm', 0, 0")
}

fn time_of(id: Uuid) -> String {
    format!("(SELECT destroyed_at FROM ward.wrapped_key WHERE subject = '{id}')")
}

fn keys_of(id: Uuid) -> String {
    format!("(SELECT array_agg(id) FROM ward.wrapped_key WHERE subject = '{id}')")
}

fn destroy(id: Uuid) -> String {
    format!("UPDATE ward.wrapped_key SET bytes = NULL WHERE subject = '{id}'")
}

#[tokio::test]
async fn nobody_is_put_down_as_erased_of_whom_anything_is_left() {
    let w = world().await;
    let (tenant, id) = somebody(&w).await;
    let left = [
        "SELECT".to_owned(),
        format!("{}; UPDATE ward.subject SET time_zone = 'UTC' WHERE id = '{id}'", destroy(id)),
        format!(
            "{}; INSERT INTO ward.wrapped_key (id, purpose, subject, bytes, commitment)
             SELECT 4294967295, 'commitment', '{id}', 'x', commitment FROM ward.wrapped_key WHERE subject = '{id}'",
            destroy(id)
        ),
    ];
    let [keys, at] = [keys_of(id), time_of(id)];
    for left in left {
        let refused = w.refuses(tenant, &left, &record(id, &keys, "now()", "NULL")).await;
        assert!(refused.contains("nothing is left"), "{left}: {refused}");
    }
    let nobody = w.id::<SubjectId>().into();
    let (_, other) = somebody(&w).await;
    let more = format!("{keys} || 7::bigint");
    for (of, keys) in [(id, "'{}'"), (id, &more), (other, &*keys), (nobody, "'{}'"), (nobody, &keys)] {
        let refused = w.refuses(tenant, &destroy(id), &record(of, keys, &at, "NULL")).await;
        assert!(refused.contains("somebody known"), "{of} {keys}: {refused}");
    }
    assert_eq!(w.count("postgres", "SELECT count(*) FROM ward.key_destroyed").await, 0);
    w.sql(tenant, format!("{}; {RECORD} {}", destroy(id), record(id, &keys, &at, "NULL"))).await.unwrap();
    assert_eq!(w.count("postgres", "SELECT count(*) FROM ward.key_destroyed").await, 1);
}

#[tokio::test]
async fn who_is_erased_gets_no_other_key() {
    let w = world().await;
    let (tenant, id) = somebody(&w).await;
    // It would leave room for another.
    let turned =
        format!("UPDATE ward.wrapped_key SET purpose = 'commitment' WHERE subject = '{id}'; {}", destroy(id));
    let erased = format!("{turned}; {RECORD} {}", record(id, &keys_of(id), &time_of(id), "NULL"));
    for purpose in ["subject", "commitment"] {
        let another = format!(
            "{erased}; INSERT INTO ward.wrapped_key (id, purpose, subject, bytes, commitment)
             SELECT 4294967295, '{purpose}', '{id}', 'x', commitment FROM ward.wrapped_key WHERE subject = '{id}'"
        );
        let refused = w.sql(tenant, another).await.unwrap_err().to_string();
        assert!(refused.contains("no other key"), "{purpose}: {refused}");
    }
    w.sql(tenant, erased).await.unwrap();
}

#[tokio::test]
async fn nobody_is_put_down_as_erased_at_another_time() {
    let w = world().await;
    let (tenant, id) = somebody(&w).await;
    let [keys, at] = [keys_of(id), time_of(id)];
    let times = [
        ("now() - interval '1 day'", "NULL"),
        ("clock_timestamp()", "NULL"),
        (&*at, "now() - interval '1 day'"),
        (&at, "clock_timestamp() + interval '1 hour'"),
        ("clock_timestamp() + interval '1 minute'", "clock_timestamp()"),
        ("'-infinity'", "clock_timestamp()"),
        ("now() - interval '1 day'", "clock_timestamp()"),
    ];
    for (at, again) in times {
        let refused = w.refuses(tenant, &destroy(id), &record(id, &keys, at, again)).await;
        assert!(refused.contains("when the keys were destroyed"), "{at} {again}: {refused}");
    }
    // The ledger knows when it was done before the database was put back.
    let earlier = format!(
        "(SELECT created_at + interval '1 microsecond' FROM ward.wrapped_key WHERE subject = '{id}')"
    );
    let again = record(id, &keys, &earlier, "clock_timestamp()");
    w.sql(tenant, format!("{}; {RECORD} {again}", destroy(id))).await.unwrap();
}

#[tokio::test]
async fn why_somebody_was_erased_is_a_word_that_ward_knows() {
    let w = world().await;
    let (tenant, id) = somebody(&w).await;
    let record = record(id, &keys_of(id), &time_of(id), "NULL");
    let with = |reason| format!("{}; {RECORD} {}", destroy(id), record.replace("requested", reason));
    let refused = w.sql(tenant, with("whim")).await.unwrap_err().to_string();
    assert!(refused.contains("key_destroyed_reason"), "{refused}");
    let refused = w.sql(tenant, with("requested").replace("'aes-256-gcm'", "'rot13'")).await.unwrap_err();
    assert!(refused.to_string().contains("key_destroyed_suite"), "{refused}");
    for reason in ward::ErasureReason::ALL {
        let mut raw = w.db.connect("ward_app").await.unwrap();
        let mut kept = raw.begin().await.unwrap();
        let set = format!(
            "SELECT set_config('ward.tenant', '{}', true); {}",
            Uuid::from(tenant),
            with(reason.as_str())
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(set)).execute(&mut *kept).await.unwrap();
    }
}

#[tokio::test]
async fn a_tenant_of_whom_many_erasures_are_owed_hides_no_others() {
    let w = world().await;
    let (many, one) = (w.tenant().await, w.tenant().await);
    let fill = format!(
        "INSERT INTO ward.erasure_entry (tenant, subject, number, owed)
         SELECT '{}', gen_random_uuid(), n, true FROM generate_series(1, 10001) n",
        Uuid::from(many)
    );
    w.db.run("postgres", fill).await.unwrap();
    assert!(w.store.place(one, w.id(), 20_000).await.unwrap(), "it is owed, as nobody knew of it");

    let mut owing = w.store.owing().await.unwrap();
    owing.sort();
    let mut both = [many, one];
    both.sort();
    assert_eq!(owing, both);
    let first: Vec<_> = w.store.owed(many, 3).await.unwrap().iter().map(|owed| owed.number).collect();
    assert_eq!(first, [1, 2, 3]);
    assert_eq!(w.store.owed(many, u32::MAX >> 1).await.unwrap().len(), 1_000, "a page of them");
    let owed = w.store.owed(one, 10).await.unwrap();
    assert_eq!((owed.len(), owed[0].tenant, owed[0].number), (1, one, 20_000));
    w.store.settle(one, owed[0].subject).await.unwrap();
    assert_eq!(w.store.owing().await.unwrap(), [many]);
}

#[tokio::test]
async fn nobody_is_settled_of_whom_anything_is_left() {
    let w = world().await;
    let (tenant, id) = somebody(&w).await;
    assert!(w.store.place(tenant, id.into(), 1).await.unwrap());
    assert!(w.store.settle(tenant, id.into()).await.is_err());
    let (whose, another) = (Uuid::from(tenant), w.tenant().await);
    for as_if in [tenant, another] {
        assert!(w.sql(as_if, format!("SELECT ward.settle_erasure('{whose}', '{id}')")).await.is_err());
    }
    assert_eq!(w.store.owing().await.unwrap(), [tenant]);
    w.sql(tenant, destroy(id)).await.unwrap();
    w.store.settle(tenant, id.into()).await.unwrap();
    assert_eq!(w.store.owing().await.unwrap(), []);
    let nowhere = format!("SELECT ward.place_erasure('{whose}', '{id}', NULL)");
    assert!(w.db.run("ward_app", nowhere).await.is_err(), "a place is a number");
}
