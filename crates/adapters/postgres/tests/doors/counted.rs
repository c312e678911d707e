//! What keys sealed, as it is counted.

use ward::kernel::Uuid;

use crate::support::world;

#[tokio::test]
async fn however_much_was_counted_there_is_room_to_count_on_and_to_have_another_follow() {
    let w = world().await;
    let tenant = Uuid::from(w.tenant().await);
    for _ in 0..2 {
        let count =
            format!("SELECT ward.count_messages(ARRAY['{tenant}']::uuid[], '{{1}}', '{{{}}}')", i64::MAX);
        w.db.run("ward_app", count).await.unwrap();
    }
    let counted = w.count("postgres", "SELECT messages FROM ward.key_use").await;
    assert_eq!(counted, (1 << 32) - (1 << 24));
}

#[tokio::test]
async fn what_a_destroyed_key_sealed_is_forgotten() {
    let w = world().await;
    let tenant = Uuid::from(w.tenant().await);
    let used = format!(
        "INSERT INTO ward.key_use SELECT tenant, id, 7 FROM ward.wrapped_key WHERE tenant = '{tenant}'"
    );
    w.db.run("postgres", used).await.unwrap();
    let forget = format!(
        "SELECT set_config('ward.tenant', '{tenant}', true);
         UPDATE ward.wrapped_key SET bytes = NULL WHERE purpose = 'queue'; SELECT ward.forget_use()"
    );
    w.db.run("ward_app", forget).await.unwrap();
    let left = "SELECT count(*) FILTER (WHERE k.bytes IS NULL) * 100 + count(*)
                FROM ward.key_use JOIN ward.wrapped_key k ON k.tenant = key_use.tenant AND k.id = key";
    let keys = w.count("postgres", "SELECT count(*) FROM ward.wrapped_key WHERE bytes IS NOT NULL").await;
    assert_eq!(w.count("postgres", left).await, keys);
}
