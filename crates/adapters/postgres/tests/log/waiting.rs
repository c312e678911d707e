//! The list of leaves that wait, in the hands of somebody who speaks for the serving role.

use ward::kernel::Uuid;

use crate::logs::Log;

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
    placed(&log, log.tenant.into(), &[leaves[0].into()], "'{}'").await;
    assert_eq!(log.reading().await.rejected().await.unwrap(), 1);
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
