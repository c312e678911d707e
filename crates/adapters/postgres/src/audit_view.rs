//! The log, read: the rows of `ward.audit_leaf`, newest first.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _, QueryTrait as _};
use sqlx::Row as _;
use ward::audit::{AuditView, Entry, Found, Search};
use ward::kernel::{EventId, StoreError};

use crate::error::failed;
use crate::leaf;
use crate::reading::PgReading;
use crate::table::TenantTable;

#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(schema_name = "ward", table_name = "audit_leaf")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    unit: Uuid,
    at: DateTime<Utc>,
    actor_kind: String,
    actor: Option<Uuid>,
    roles: Vec<String>,
    operation: String,
    action: String,
    outcome: String,
    reason: Option<String>,
    entity_kind: String,
    entity: Uuid,
    covers: String,
    changes: String,
    discloses: String,
    details: String,
    source: Option<Vec<u8>>,
    request: String,
    trace: Option<String>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantTable for Entity {
    const TENANT: Column = Column::Tenant;
}

/// Cut into words as `Search::words_of` cuts.
const HAS_WORDS: &str =
    "$1 <@ regexp_split_to_array(lower(concat_ws(' ', action, operation, outcome, reason, entity_kind,
    entity, actor_kind, actor, request)), '[^a-z0-9-]+')";

/// How far a search goes at a time for what no index finds: 10,000 entries, which takes some hundredths of a second.
const FAR: &str = "
    SELECT id FROM ward.audit_leaf WHERE tenant = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC OFFSET 9999 LIMIT 1";
const FAR_ABOUT: &str = "
    SELECT id FROM ward.audit_leaf WHERE tenant = $1 AND ($2::uuid IS NULL OR id < $2) AND entity = $3
    ORDER BY id DESC OFFSET 9999 LIMIT 1";

/// An entry's id tells its time, give or take as much: migration 0006.
const SKEW: TimeDelta = TimeDelta::minutes(10);

impl PgReading {
    /// The last entry that `search` looks at, if it may have to look at many for each that it finds.
    async fn horizon(&self, search: &Search, before: Option<Uuid>) -> Result<Option<Uuid>, StoreError> {
        let Search { actor, action, outcome, words, .. } = search;
        if actor.is_none() && action.is_none() && outcome.is_none() && words.is_empty() {
            return Ok(None);
        }
        let far = match search.entity {
            None => self.scoped(FAR).bind(before),
            Some(entity) => self.scoped(FAR_ABOUT).bind(before).bind(entity),
        };
        let rows = far.through(&self.gate).await?;
        rows.first().map(|row| row.try_get("id").map_err(failed)).transpose()
    }
}

/// Below every id that was made at `at` or later.
fn dated(at: Option<DateTime<Utc>>) -> Uuid {
    let millis = at.map_or(0, |at| at.timestamp_millis()).clamp(0, (1 << 48) - 1);
    Uuid::from_u128(u128::from(millis.unsigned_abs()) << 80)
}

#[async_trait]
impl AuditView for PgReading {
    async fn entries(
        &mut self,
        search: &Search,
        before: Option<EventId>,
        most: u32,
    ) -> Result<Found, StoreError> {
        let oldest = search.from.map(|from| dated(from.checked_sub_signed(SKEW)));
        let newest = search.to.and_then(|to| to.checked_add_signed(SKEW + TimeDelta::milliseconds(1)));
        let newest = newest.map(|newest| dated(Some(newest)));
        let before = before.map(Uuid::from).into_iter().chain(newest).min();
        let horizon = self.horizon(search, before).await?;
        let horizon = horizon.filter(|reached| oldest.is_none_or(|oldest| *reached > oldest));
        let select = Entity::find()
            .apply_if(horizon.or(oldest), |select, oldest| select.filter(Column::Id.gte(oldest)))
            .apply_if(search.from, |select, from| select.filter(Column::At.gte(from)))
            .apply_if(search.to, |select, to| select.filter(Column::At.lt(to)))
            .apply_if(search.actor, |select, actor| select.filter(Column::Actor.eq(actor)))
            .apply_if(search.action.as_ref(), |select, action| select.filter(Column::Action.eq(action)))
            .apply_if(search.entity, |select, entity| select.filter(Column::Entity.eq(entity)))
            .apply_if(search.outcome.as_ref(), |select, outcome| select.filter(Column::Outcome.eq(outcome)))
            .apply_if(Some(&search.words).filter(|words| !words.is_empty()), |select, words| {
                select.filter(Expr::cust_with_values(HAS_WORDS, [words.clone()]))
            })
            .apply_if(before, |select, before| select.filter(Column::Id.lt(before)))
            .order_by_desc(Column::Id)
            .limit(u64::from(most));
        let entries = self.all(select).await?.into_iter().map(Entry::from).collect();
        Ok(Found { entries, reached: horizon.map(Into::into) })
    }

    async fn entry(&mut self, id: EventId) -> Result<Option<Entry>, StoreError> {
        let row = self.one(Entity::find().filter(Column::Id.eq(Uuid::from(id)))).await?;
        Ok(row.map(Entry::from))
    }
}

impl From<Model> for Entry {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            unit: row.unit,
            at: row.at,
            actor_kind: row.actor_kind,
            actor: row.actor,
            roles: row.roles,
            operation: row.operation,
            action: row.action,
            outcome: row.outcome,
            reason: row.reason,
            entity_kind: row.entity_kind,
            entity: row.entity,
            covers: leaf::read(row.covers),
            changes: leaf::read(row.changes),
            discloses: leaf::read(row.discloses),
            details: leaf::read(row.details),
            source: row.source,
            request: row.request,
            trace: row.trace,
        }
    }
}
