//! How far a log was delivered, and by whom.

use ward::kernel::{TenantId, Uuid};
use ward::{Deliveries as _, Delivery, Held, Store as _};

use crate::support::{WRITE, World, world};

const SINK: &str = "syslog+tls://siem.example:6514";

fn delivery(tenant: TenantId, holder: Uuid) -> Delivery<'static> {
    Delivery { tenant, sink: SINK, holder }
}

async fn add(w: &World, tenant: TenantId, next: u64) {
    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    unit.add_sink(SINK, next).await.unwrap();
    unit.commit(w.wrote(w.id())).await.unwrap();
}

/// A head that says that the log has 20 entries.
async fn grow(w: &World, tenant: TenantId) {
    let head = format!(
        "INSERT INTO ward.audit_head (tenant, origin, size, root, note, latest) VALUES ('{}', 'x', 20, sha256(''), '', now())",
        Uuid::from(tenant)
    );
    w.db.run("postgres", head).await.unwrap();
}

#[tokio::test]
async fn a_log_is_delivered_by_one_replica_at_a_time_and_never_from_further_back_or_further_on() {
    let w = world().await;
    let (tenant, other) = (w.tenant().await, w.tenant().await);
    grow(&w, tenant).await;
    grow(&w, other).await;
    let [one, two] = [w.id(), w.id()].map(|holder| delivery(tenant, holder));
    assert_eq!(w.store.hold(one).await.unwrap(), Held::Nobody);
    assert!(!w.store.advance(one, 3).await.unwrap());
    add(&w, tenant, 0).await;
    assert_eq!(w.store.hold(delivery(other, one.holder)).await.unwrap(), Held::Nobody, "another's log");

    assert_eq!(w.store.hold(one).await.unwrap(), Held::From(0));
    assert_eq!(w.store.hold(two).await.unwrap(), Held::Elsewhere(0));
    assert!(!w.store.advance(two, 9).await.unwrap());
    assert!(w.store.advance(one, 7).await.unwrap());
    assert!(!w.store.advance(one, 6).await.unwrap());
    assert_eq!(w.store.hold(one).await.unwrap(), Held::From(7));
    assert_eq!(w.store.hold(Delivery { sink: "other", ..one }).await.unwrap(), Held::Nobody);

    let late = "WITH late AS (UPDATE ward.log_delivery SET until = clock_timestamp() RETURNING 1) SELECT count(*) FROM late";
    assert_eq!(w.count("postgres", late).await, 1);
    assert_eq!(w.store.hold(two).await.unwrap(), Held::From(7));
    assert_eq!(w.store.hold(one).await.unwrap(), Held::Elsewhere(7));
    assert!(!w.store.advance(one, 8).await.unwrap(), "it was given to another meanwhile");
    assert_eq!(w.store.delivered(tenant, SINK).await.unwrap(), Some(7));
    add(&w, tenant, 9).await;
    assert_eq!(w.store.hold(two).await.unwrap(), Held::From(7), "what is added again goes on");

    assert_eq!(w.store.delivered(other, SINK).await.unwrap(), None);
    add(&w, other, 5).await;
    assert_eq!(w.store.hold(delivery(other, one.holder)).await.unwrap(), Held::From(5));
}

#[tokio::test]
async fn nobody_passes_over_what_is_to_be_delivered() {
    let w = world().await;
    let tenant = w.tenant().await;
    add(&w, tenant, 0).await;
    let to = |next: &str| {
        let sql =
            format!("SET ward.tenant = '{}'; UPDATE ward.log_delivery SET next = {next}", Uuid::from(tenant));
        w.db.run("ward_app", sql)
    };
    assert!(to("1").await.is_err(), "there is no entry yet");
    grow(&w, tenant).await;
    to("20").await.unwrap();
    for next in ["21", "1000000", "19", "0"] {
        let refused = to(next).await.unwrap_err().to_string();
        assert!(refused.contains("delivered in their order"), "{next}: {refused}");
    }
}
