//! The list of leaves that wait, in the hands of somebody who speaks for the serving role.

use ward::kernel::Uuid;

use crate::logs::Log;

const SINCE: &str = "SELECT rejected_at::text FROM ward.audit_waiting WHERE rejected_at IS NOT NULL";

async fn waiting(log: &Log) -> i64 {
    log.w.count("postgres", "SELECT count(*) FROM ward.audit_waiting WHERE rejected_at IS NULL").await
}

async fn placed(log: &Log, tenant: Uuid, units: &[Uuid], rejected: &str) {
    let units: Vec<_> = units.iter().map(Uuid::to_string).collect();
    let sql = format!(
        "SET ward.tenant = '{tenant}'; SELECT ward.leaves_placed('{{{}}}', {rejected})",
        units.join(", ")
    );
    log.w.db.run("ward_app", sql).await.unwrap();
}

#[tokio::test]
async fn no_leaf_leaves_the_list_without_a_place() {
    let log = Log::of(2).await;
    let leaves: Vec<Uuid> = log.write(3).await.into_iter().map(Uuid::from).collect();
    let tenant = log.tenant.into();
    for rejected in [
        "'{}'".into(),
        "NULL".into(),
        "ARRAY[gen_random_uuid()]".into(),
        format!("ARRAY['{}'::uuid]", leaves[1]),
    ] {
        placed(&log, tenant, &leaves[..1], &rejected).await;
        assert_eq!(waiting(&log).await, 1, "{rejected}");
    }
    let other = log.w.tenant().await.into();
    let all = leaves.iter().map(|leaf| format!("'{leaf}'")).collect::<Vec<_>>().join(", ");
    placed(&log, other, &leaves[..1], &format!("ARRAY[{all}]::uuid[]")).await;
    assert_eq!(waiting(&log).await, 2, "another tenant's, and its own");
    assert_eq!(log.step().await.unwrap().unwrap().placed, 3);
}

#[tokio::test]
async fn a_leaf_that_stands_aside_stays_on_the_list() {
    let log = Log::of(2).await;
    let leaves = log.write(1).await;
    log.tamper("DELETE FROM ward.audit_leaf WHERE body LIKE '%note.stored%' AND id NOT IN (SELECT leaf FROM ward.audit_place)").await;
    assert_eq!(log.step().await.unwrap().unwrap().rejected, leaves);
    let since = log.w.text(SINCE).await;
    placed(&log, log.tenant.into(), &[leaves[0].into()], "'{}'").await;
    let (tenant, leaf) = (Uuid::from(log.tenant), Uuid::from(leaves[0]));
    let again =
        format!("SET ward.tenant = '{tenant}'; SELECT ward.leaves_placed('{{{leaf}}}', '{{{leaf}}}')");
    log.w.db.run("ward_app", again).await.unwrap();
    assert_eq!(log.w.text(SINCE).await, since);
    assert_eq!(log.reading().await.rejected().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_list_of_no_leaves_is_refused() {
    let log = Log::of(2).await;
    for leaves in ["'{}'", "NULL", "ARRAY[NULL]::uuid[]"] {
        let sql =
            format!("SET ward.tenant = '{}'; SELECT ward.await_place({leaves})", Uuid::from(log.tenant));
        log.w.db.run("ward_app", sql).await.unwrap_err();
    }
    log.w
        .db
        .run("ward_app", format!("SELECT ward.await_place(ARRAY['{}'::uuid])", Uuid::nil()))
        .await
        .unwrap_err();
    assert_eq!(waiting(&log).await, 0);
}

#[tokio::test]
async fn a_leaf_that_is_said_to_wait_again_keeps_its_one_place() {
    let log = Log::of(2).await;
    let [before, ..] = log.write(1).await[..] else { panic!("nothing was written") };
    log.step().await.unwrap();
    let [new, ..] = log.write(1).await[..] else { panic!("nothing was written") };
    let (tenant, [before, new]) = (Uuid::from(log.tenant), [before, new].map(Uuid::from));
    let again = format!(
        "SET ward.tenant = '{tenant}'; SELECT ward.await_place('{{{before}}}'), ward.await_place('{{{before}, {before}}}')"
    );
    log.w.db.run("ward_app", again).await.unwrap_err(); // one list begins with each leaf
    let again = format!(
        "SET ward.tenant = '{tenant}'; SELECT ward.await_place('{{{before}}}'), ward.await_place(ARRAY[gen_random_uuid(), '{new}', '{new}'])"
    );
    log.w.db.run("ward_app", again).await.unwrap();
    let step = log.step().await.unwrap().unwrap();
    assert_eq!((step.placed, step.rejected.len()), (1, 1), "the one that isn't there stands aside");
    assert_eq!(waiting(&log).await, 0);
    assert_eq!(log.step().await.unwrap(), None);
}

#[tokio::test]
async fn nobody_waits_for_nothing() {
    let log = Log::of(2).await;
    for leaves in ["ARRAY[gen_random_uuid(), NULL]", "'{}'", "NULL"] {
        let sql =
            format!("SET ward.tenant = '{}'; SELECT ward.await_place({leaves})", Uuid::from(log.tenant));
        assert!(log.w.db.run("ward_app", sql).await.is_err(), "{leaves}");
    }
    assert_eq!(waiting(&log).await, 0);
}

/// A call of each function that the serving role may give a number.
const CALLS: &str = "
    SELECT format('SELECT ward.%I(%s)', p.proname, string_agg(CASE t.type WHEN 'integer'::regtype THEN '{n}' ELSE 'NULL::' || t.type::regtype END, ', ' ORDER BY t.n))
    FROM pg_proc p, unnest(p.proargtypes) WITH ORDINALITY t (type, n)
    WHERE p.pronamespace = 'ward'::regnamespace AND 'integer'::regtype = ANY (p.proargtypes) AND has_function_privilege('ward_app', p.oid, 'EXECUTE')
    GROUP BY p.oid";

#[tokio::test]
async fn no_number_that_is_asked_for_is_refused() {
    let log = Log::of(2).await;
    log.w.db.run("ward_owner", "INSERT INTO ward.audit_keeping (years) VALUES (6)").await.unwrap();
    let mut app = log.w.db.connect("ward_app").await.unwrap();
    let calls: Vec<String> = sqlx::query_scalar(CALLS).fetch_all(&mut app).await.unwrap();
    assert!(calls.len() > 12, "{calls:?}");
    for number in ["-2147483648", "-1", "0", "2147483647", "NULL"] {
        for call in calls.iter().map(|call| call.replace("{n}", number)) {
            let call = format!("SET ward.tenant = '{}'; {call}", Uuid::from(log.tenant));
            log.w.db.run("ward_app", call.as_str()).await.unwrap_or_else(|error| panic!("{call}: {error}"));
        }
    }
}
