use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue, QuerySelect as _};
use ward::kernel::{Place, StoreError, TenantId, Text};
use ward::tenancy::{NAME_LENGTH, Tenant, Tenants, TenantsView};

use crate::reading::PgReading;
use crate::table::TenantTable;
use crate::unit::PgUnit;

/// A row of `ward.tenant`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(schema_name = "ward", table_name = "tenant")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: Uuid,
    name: String,
    profile: String,
    region: String,
    owner: Option<Vec<u8>>,
    sandbox: Option<Uuid>,
    live: Option<Uuid>,
    settings: Json,
    created_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantTable for Entity {
    const TENANT: Column = Column::Tenant;
}

#[async_trait]
impl Tenants for PgUnit {
    async fn enter(&mut self, tenant: &Tenant, owner: Option<&str>) -> Result<(), StoreError> {
        let place = Place { tenant: tenant.id, row: tenant.id.into(), column: "owner" };
        let seal = |owner: &str| self.keys.audit().seal(place, owner.as_bytes());
        let owner = owner.map(seal).transpose().map_err(|error| StoreError::Failed(Box::new(error)))?;
        let row = ActiveModel {
            tenant: NotSet,
            name: Set(tenant.name.clone().into()),
            profile: Set(tenant.profile.clone()),
            region: Set(tenant.region.clone()),
            owner: Set(owner),
            sandbox: Set(tenant.sandbox.map(Into::into)),
            live: Set(tenant.live.map(Into::into)),
            settings: settings(tenant)?,
            created_at: Set(tenant.created_at),
        };
        self.insert(row).await
    }

    async fn current(&mut self) -> Result<Option<Tenant>, StoreError> {
        self.one(Entity::find().lock_exclusive()).await?.map(Tenant::try_from).transpose()
    }

    async fn update(&mut self, tenant: &Tenant) -> Result<(), StoreError> {
        let ActiveValue::Set(settings) = settings(tenant)? else { return Ok(()) };
        let update = Entity::update_many()
            .col_expr(Column::Name, Expr::value(tenant.name.as_str()))
            .col_expr(Column::Settings, Expr::value(settings));
        PgUnit::update(self, update).await.map(drop)
    }
}

#[async_trait]
impl TenantsView for PgReading {
    async fn tenant(&mut self) -> Result<Option<Tenant>, StoreError> {
        self.one(Entity::find()).await?.map(Tenant::try_from).transpose()
    }
}

fn settings(tenant: &Tenant) -> Result<ActiveValue<Json>, StoreError> {
    let json = serde_json::to_value(&tenant.settings);
    json.map(Set).map_err(|error| StoreError::Failed(Box::new(error)))
}

impl TryFrom<Model> for Tenant {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let corrupt = |column| StoreError::Corrupt { table: "tenant", column };
        Ok(Self {
            id: row.tenant.into(),
            name: Text::parse(&row.name, NAME_LENGTH).map_err(|_| corrupt("name"))?,
            profile: row.profile,
            region: row.region,
            sandbox: row.sandbox.map(TenantId::from),
            live: row.live.map(TenantId::from),
            settings: serde_json::from_value(row.settings).map_err(|_| corrupt("settings"))?,
            created_at: row.created_at,
        })
    }
}
