//! What reads can't write.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{DbBackend, QuerySelect as _, QueryTrait as _};
use ward::Store as _;
use ward::kernel::StoreError;
use ward_postgres::TenantTable;

use crate::support::{WRITE, world};

/// Tenants, as a product team may declare them.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(schema_name = "ward", table_name = "tenant")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: Uuid,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantTable for Entity {
    const TENANT: Column = Column::Tenant;
}

#[tokio::test]
async fn a_reading_cannot_write_whatever_its_operation_may() {
    let w = world().await;
    let tenant = w.tenant().await;
    let reading = w.store.reading(w.permit(tenant, &WRITE)).await.unwrap();
    assert_eq!(reading.one(Entity::find()).await.unwrap().unwrap().tenant, Uuid::from(tenant));
    let lock = Entity::find().lock_with_behavior(LockType::KeyShare, LockBehavior::SkipLocked);
    let hidden_lock = Entity::find().filter(Expr::cust("EXISTS (SELECT FROM ward.tenant FOR SHARE)"));
    let function = Entity::find().filter(Expr::cust("ward.finish_job(gen_random_uuid(), 1)"));
    for write in [lock, hidden_lock, function] {
        let sql = write.build(DbBackend::Postgres).sql;
        assert!(matches!(reading.all(write).await, Err(StoreError::ReadOnly)), "{sql}");
    }
    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    assert!(unit.current().await.is_ok(), "the next user may");
}
