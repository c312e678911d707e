//! Leaves that have no place and wait for none, and leaves that were set aside.

use ward::kernel::Uuid;

use crate::logs::Log;

/// Takes leaves off the list of those that wait, as a restored backup may lack them.
async fn forget(log: &Log) {
    log.w.db.run("postgres", "DELETE FROM ward.audit_waiting").await.unwrap();
}

#[tokio::test]
async fn leaves_that_nobody_waits_for_are_found_and_get_their_places() {
    let log = Log::of(700).await;
    let lost = log.write(3).await;
    forget(&log).await;
    let waits = log.write(2).await;
    assert_eq!(log.step().await.unwrap().unwrap().placed, 2, "nothing else waits");

    // From the beginning, a tile's worth of leaves at a time.
    let mut enlisted = Vec::new();
    for _ in 0..3 {
        let look = log.look_again(1).await.unwrap();
        assert!(enlisted.is_empty() || look.enlisted.is_empty());
        enlisted.extend(look.enlisted);
    }
    assert_eq!(enlisted, lost);
    assert_eq!(log.step().await.unwrap().unwrap().placed, 3);
    let entries: Vec<_> = log.verified().await.into_iter().skip(700).map(|entry| entry.id).collect();
    assert_eq!(entries, [waits, lost].concat());
    for _ in 0..4 {
        assert_eq!(
            log.look_again(1).await.unwrap().enlisted,
            [],
            "what waits, or has a place, is left alone"
        );
    }
}

#[tokio::test]
async fn what_waits_is_not_listed_anew() {
    let log = Log::of(3).await;
    log.write(5).await;
    assert_eq!(log.look_again(9).await.unwrap().enlisted, []);
    let before = log.state().await;
    log.look_again(9).await.unwrap();
    assert_eq!(log.state().await, before);
}

#[tokio::test]
async fn a_leaf_that_is_listed_anew_is_guarded_by_its_code() {
    let log = Log::of(3).await;
    let lost = log.write(2).await;
    forget(&log).await;
    log.tamper(&format!(
        "UPDATE ward.audit_leaf SET body = replace(body, 'success', 'denied') WHERE id = '{}'",
        lost[0]
    ))
    .await;
    assert_eq!(log.look_again(9).await.unwrap().enlisted, lost);
    let step = log.step().await.unwrap().unwrap();
    assert_eq!((step.placed, &step.rejected[..]), (1, &lost[..1]));
    assert_eq!(log.look_again(9).await.unwrap().enlisted, [], "what stands aside is on the list");
}

#[tokio::test]
async fn leaves_that_were_set_aside_get_their_places_once_they_are_what_was_written() {
    let log = Log::of(3).await;
    let leaves = log.write(4).await;
    let away = "CREATE TABLE public.away AS SELECT * FROM ward.audit_leaf WHERE id = ANY ('{IDS}');
                DELETE FROM ward.audit_leaf WHERE id = ANY ('{IDS}')";
    let ids: Vec<_> = leaves[1..3].iter().map(|id| Uuid::from(*id).to_string()).collect();
    let root =
        |sql: &str| format!("SET session_replication_role = replica; {}", sql.replace("IDS", &ids.join(",")));
    log.w.db.run("postgres", root(away)).await.unwrap();
    assert_eq!(log.step().await.unwrap().unwrap().rejected, &leaves[1..3]);
    assert_eq!(log.reading().await.rejected().await.unwrap(), &leaves[1..3]);

    let still = log.sequencer.retry(log.tenant).await.unwrap().unwrap();
    assert_eq!((still.placed, &still.rejected[..]), (0, &leaves[1..3]));
    assert_eq!(log.reading().await.rejected().await.unwrap(), &leaves[1..3]);

    let back = "INSERT INTO ward.audit_leaf SELECT * FROM public.away WHERE id = (SELECT min(id::text)::uuid FROM public.away)";
    log.w.db.run("postgres", root(back)).await.unwrap();
    let step = log.sequencer.retry(log.tenant).await.unwrap().unwrap();
    assert_eq!((step.placed, &step.rejected[..]), (1, &leaves[2..3]));
    assert_eq!(log.reading().await.rejected().await.unwrap(), &leaves[2..3]);
    assert_eq!(log.verified().await.len(), 7 - 1);
    log.look_again(9).await.unwrap();
}
