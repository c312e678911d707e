//! The place of an entry in the log, whoever writes it.

use chrono::TimeDelta;
use sqlx::{AssertSqlSafe, Executor as _};
use uuid::Uuid;
use ward::kernel::Ids as _;
use ward_testkit::{Database, Machine};

use crate::seed::{A, seed};

const AGAIN: &str = "
    INSERT INTO ward.audit_leaf (tenant, id, body, mac) SELECT tenant, $1, body, mac FROM ward.audit_leaf LIMIT 1";

fn id_in(minutes: i64) -> Uuid {
    let machine = Machine::default();
    machine.advance(TimeDelta::minutes(minutes));
    machine.next()
}

#[tokio::test]
async fn no_entry_is_put_where_others_of_its_time_are_not() {
    let db = Database::create().await.unwrap();
    seed(&db).await;
    let mut app = db.connect("ward_app").await.unwrap();
    app.execute(AssertSqlSafe(format!("SET ward.tenant = '{A}'"))).await.unwrap();
    for id in [0, 9, -9].map(id_in) {
        sqlx::query(AGAIN).bind(id).execute(&mut app).await.unwrap();
    }
    let far = [Uuid::nil(), Uuid::max()].map(|id| (id, None)); // there is no partition for it
    for (id, constraint) in
        [11, -11].map(|minutes| (id_in(minutes), Some("audit_leaf_dated"))).into_iter().chain(far)
    {
        let refused = sqlx::query(AGAIN).bind(id).execute(&mut app).await.unwrap_err();
        let refused = refused.as_database_error().unwrap();
        assert_eq!((refused.code().as_deref(), refused.constraint()), (Some("23514"), constraint), "{id}");
    }
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM ward.audit_leaf").fetch_one(&mut app).await.unwrap();
    assert_eq!(kept, 4);
}
