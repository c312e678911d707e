//! The place of an entry in the log, whoever writes it.

use chrono::TimeDelta;
use sqlx::{AssertSqlSafe, Executor as _};
use uuid::Uuid;
use ward::kernel::Ids as _;
use ward_testkit::{Database, Machine};

use crate::seed::{A, seed};

const AGAIN: &str = "
    INSERT INTO ward.audit_leaf (tenant, id, unit, actor_kind, roles, operation, action, outcome, entity_kind, entity,
        covers, changes, discloses, details, request)
    SELECT tenant, $1, unit, actor_kind, roles, operation, action, outcome, entity_kind, entity,
        covers, changes, discloses, details, request
    FROM ward.audit_leaf LIMIT 1";

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
    for id in [11, -11].map(id_in).into_iter().chain([Uuid::nil(), Uuid::max()]) {
        let refused = sqlx::query(AGAIN).bind(id).execute(&mut app).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().constraint(), Some("audit_leaf_dated"), "{id}");
    }
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM ward.audit_leaf").fetch_one(&mut app).await.unwrap();
    assert_eq!(kept, 4);
}
