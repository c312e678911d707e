//! A clock that was set back.

use ward::Store as _;
use ward::kernel::{StoreError, Uuid};

use crate::logs::{Log, write};

#[tokio::test]
async fn nobody_writes_before_the_latest_entry() {
    let log = Log::of(2).await;
    let (w, other) = (&log.w, log.w.tenant().await);
    log.tamper("UPDATE ward.audit_head SET latest = now() + interval '11 minutes'").await;
    let before = w.count("postgres", "SELECT count(*) FROM ward.audit_leaf").await;
    for refused in [write(w, log.tenant, 1).await.map(drop), w.store.refuse(&w.denied(log.tenant)).await] {
        let Err(StoreError::Failed(why)) = refused else { panic!("{refused:?}") };
        assert!(why.to_string().contains("55000"), "{why}");
    }
    assert_eq!(w.count("postgres", "SELECT count(*) FROM ward.audit_leaf").await, before);
    let waiting = format!("SELECT FROM ward.audit_waiting WHERE tenant = '{}'", Uuid::from(log.tenant));
    assert_eq!(w.db.run("postgres", waiting).await.unwrap(), 0);
    write(w, other, 1).await.unwrap();
    log.tamper("UPDATE ward.audit_head SET latest = now() + interval '9 minutes'").await;
    write(w, log.tenant, 1).await.unwrap();
}
