use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{QueryOrder as _, QuerySelect as _, QueryTrait as _};
use sqlx::Row as _;
use ward::identity::{ApiKey, ApiKeys, ApiKeysView, Creator, Mode, NewApiKey};
use ward::kernel::{ApiKeyId, StoreError, Text};

use crate::error::failed;
use crate::lookup;
use crate::reading::PgReading;
use crate::table::TenantTable;
use crate::unit::PgUnit;

/// A row of `ward.api_key`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(schema_name = "ward", table_name = "api_key")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    name: String,
    mode: String,
    permissions: Vec<String>,
    hint: String,
    maker_kind: String,
    maker: Option<Uuid>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    monthly_quota: Option<i32>,
    replaces: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantTable for Entity {
    const TENANT: Column = Column::Tenant;
}

/// When keys were last used lies in the lookup; a function of the database tells it, of this tenant alone.
const USED: &str = "SELECT id, last_used_at FROM ward.api_keys_used()";

#[async_trait]
impl ApiKeys for PgUnit {
    async fn add(&mut self, new: &NewApiKey) -> Result<(), StoreError> {
        let (key, (maker_kind, maker)) = (&new.key, maker(new.key.created_by));
        let row = ActiveModel {
            tenant: NotSet,
            id: Set(key.id.into()),
            name: Set(key.name.clone().into()),
            mode: Set(key.mode.as_str().to_owned()),
            permissions: Set(key.permissions.clone()),
            hint: Set(key.hint.clone()),
            maker_kind: Set(maker_kind.to_owned()),
            maker: Set(maker),
            created_at: Set(key.created_at),
            expires_at: Set(key.expires_at),
            revoked_at: Set(key.revoked_at),
            monthly_quota: Set(key.monthly_quota.map(u32::cast_signed)),
            replaces: Set(key.replaces.map(Into::into)),
        };
        self.insert(row).await?;
        let publish = sqlx::query("SELECT ward.publish_api_key($1, $2)");
        lookup::call(self, publish.bind(new.digest.0.to_vec()).bind(Uuid::from(key.id))).await
    }

    async fn find(&mut self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let select = Entity::find().filter(Column::Id.eq(Uuid::from(id))).lock_exclusive();
        let Some(row) = self.one(select).await? else { return Ok(None) };
        let successor = self.one(Entity::find().filter(Column::Replaces.eq(row.id))).await?;
        row.key(successor.map(|row| row.id), None).map(Some)
    }

    async fn revoke(&mut self, id: ApiKeyId, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.restrict(id, Column::RevokedAt, at).await
    }

    async fn expire(&mut self, id: ApiKeyId, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.restrict(id, Column::ExpiresAt, at).await
    }
}

impl PgUnit {
    async fn restrict(&self, id: ApiKeyId, column: Column, at: DateTime<Utc>) -> Result<(), StoreError> {
        let update = Entity::update_many().col_expr(column, Expr::value(at));
        self.update(update.filter(Column::Id.eq(Uuid::from(id)))).await?;
        lookup::call(self, sqlx::query("SELECT ward.restrict_api_key($1)").bind(Uuid::from(id))).await
    }
}

#[async_trait]
impl ApiKeysView for PgReading {
    async fn list(&mut self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<ApiKey>, StoreError> {
        let select = Entity::find()
            .apply_if(after, |select, after| select.filter(Column::Id.gt(Uuid::from(after))))
            .order_by_asc(Column::Id)
            .limit(u64::from(limit));
        let rows = self.all(select).await?;
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let successors = self.all(Entity::find().filter(Column::Replaces.is_in(ids))).await?;
        let successors: HashMap<_, _> =
            successors.iter().filter_map(|row| Some((row.replaces?, row.id))).collect();
        let used = self.used().await?;
        rows.into_iter()
            .map(|row| {
                let (successor, used) = (successors.get(&row.id).copied(), used.get(&row.id).copied());
                row.key(successor, used)
            })
            .collect()
    }
}

impl PgReading {
    async fn used(&self) -> Result<HashMap<Uuid, DateTime<Utc>>, StoreError> {
        let rows = self.scoped(USED).through(&self.gate).await?;
        let pair = |row: &sqlx::postgres::PgRow| {
            let (id, at): (Uuid, Option<DateTime<Utc>>) = (row.try_get("id")?, row.try_get("last_used_at")?);
            Ok::<_, sqlx::Error>(at.map(|at| (id, at)))
        };
        let pairs: Vec<_> = rows.iter().map(pair).collect::<Result<_, _>>().map_err(failed)?;
        Ok(pairs.into_iter().flatten().collect())
    }
}

fn maker(creator: Creator) -> (&'static str, Option<Uuid>) {
    match creator {
        Creator::User(id) => ("user", Some(id.into())),
        Creator::ApiKey(id) => ("api_key", Some(id.into())),
        Creator::System => ("system", None),
    }
}

impl Model {
    fn key(self, successor: Option<Uuid>, used: Option<DateTime<Utc>>) -> Result<ApiKey, StoreError> {
        let corrupt = |column| StoreError::Corrupt { table: "api_key", column };
        let created_by = match (self.maker_kind.as_str(), self.maker) {
            ("user", Some(id)) => Creator::User(id.into()),
            ("api_key", Some(id)) => Creator::ApiKey(id.into()),
            ("system", None) => Creator::System,
            _ => return Err(corrupt("maker_kind")),
        };
        Ok(ApiKey {
            id: self.id.into(),
            name: Text::parse(&self.name, ApiKey::NAME).map_err(|_| corrupt("name"))?,
            mode: Mode::parse(&self.mode).ok_or(corrupt("mode"))?,
            permissions: self.permissions,
            created_by,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            last_used_at: used,
            hint: self.hint,
            monthly_quota: self.monthly_quota.map(i32::cast_unsigned),
            replaces: self.replaces.map(Into::into),
            replaced_by: successor.map(Into::into),
        })
    }
}
