//! The first wall, for the ORM: the one place where a statement meets a connection, and is given its tenant.

use sea_orm::{
    ActiveModelTrait, ColumnTrait as _, ConnectionTrait, EntityTrait, QueryFilter as _, Select, UpdateMany,
};
use uuid::Uuid;
use ward::kernel::StoreError;

use crate::error::failed;
use crate::reading::PgReading;
use crate::unit::PgUnit;

/// A table whose rows belong to tenants: Ward's own, or a product team's.
///
/// A statement is given its tenant on this table alone: on one that it joins, or asks in a sub-select, there is only the
/// second wall, which is the schema's: `SELECT ward.isolate('their.table')`.
pub trait TenantTable: EntityTrait {
    /// The column that says to which.
    const TENANT: Self::Column;
}

async fn all<E: TenantTable>(
    select: Select<E>,
    tenant: Uuid,
    on: &impl ConnectionTrait,
) -> Result<Vec<E::Model>, StoreError> {
    select.filter(E::TENANT.eq(tenant)).all(on).await.map_err(failed)
}

async fn one<E: TenantTable>(
    select: Select<E>,
    tenant: Uuid,
    on: &impl ConnectionTrait,
) -> Result<Option<E::Model>, StoreError> {
    select.filter(E::TENANT.eq(tenant)).one(on).await.map_err(failed)
}

impl PgReading {
    /// This tenant's rows that `select` finds.
    pub async fn all<E: TenantTable>(&self, select: Select<E>) -> Result<Vec<E::Model>, StoreError> {
        all(select, self.tenant(), &self.gate).await
    }

    /// The first of this tenant's rows that `select` finds.
    pub async fn one<E: TenantTable>(&self, select: Select<E>) -> Result<Option<E::Model>, StoreError> {
        one(select, self.tenant(), &self.gate).await
    }
}

impl PgUnit {
    /// This tenant's rows that `select` finds.
    pub async fn all<E: TenantTable>(&self, select: Select<E>) -> Result<Vec<E::Model>, StoreError> {
        all(select, self.tenant(), &self.conn).await
    }

    /// The first of this tenant's rows that `select` finds.
    pub async fn one<E: TenantTable>(&self, select: Select<E>) -> Result<Option<E::Model>, StoreError> {
        one(select, self.tenant(), &self.conn).await
    }

    /// Adds a row to this tenant, whatever tenant `row` names.
    pub async fn insert<A>(&self, mut row: A) -> Result<(), StoreError>
    where
        A: ActiveModelTrait<Entity: TenantTable>,
    {
        row.set(A::Entity::TENANT, self.tenant().into());
        A::Entity::insert(row).exec_without_returning(&self.conn).await.map_err(failed).map(drop)
    }

    /// Changes this tenant's rows that `update` names, and says how many there were. That none is given away is the
    /// second wall's work alone: grant UPDATE by column, and never on the tenant's.
    pub async fn update<E: TenantTable>(&self, update: UpdateMany<E>) -> Result<u64, StoreError> {
        let done = update.filter(E::TENANT.eq(self.tenant())).exec(&self.conn).await;
        Ok(done.map_err(failed)?.rows_affected)
    }

    /// Removes this tenant's rows that `remove` names, and says how many there were.
    pub async fn remove<E: TenantTable>(&self, remove: sea_orm::DeleteMany<E>) -> Result<u64, StoreError> {
        let done = remove.filter(E::TENANT.eq(self.tenant())).exec(&self.conn).await;
        Ok(done.map_err(failed)?.rows_affected)
    }
}
