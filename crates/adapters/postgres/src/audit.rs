//! The audit log: leaves go in as one statement, whether inside a unit or alone.

use std::ptr;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::prelude::Json;
use serde_json::{Map, json};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::audit::{Change, Leaf, Trail, Value, Writer};
use ward::crypto::TenantKeys;
use ward::kernel::{Entity, StoreError};

use crate::error::failed;
use crate::reading::PgReading;
use crate::scoped::Scoped;
use crate::unit::PgUnit;

/// Sets the tenant itself, and the context feeds the rows: it is in force before one exists, also without a unit.
const APPEND: &str = "
    WITH context AS MATERIALIZED (SELECT set_config('ward.tenant', ($1::uuid)::text, true)::uuid AS tenant)
    INSERT INTO ward.audit_leaf (tenant, unit, actor_kind, actor, roles, operation, source, request, trace,
        id, action, outcome, reason, entity_kind, entity, covers, changes, discloses, details)
    SELECT context.tenant, $2, $3, $4, $5, $6, $7, $8, $9,
        l.id, l.action, l.outcome, l.reason, l.kind, l.entity,
        l.covers::jsonb, l.changes::jsonb, l.discloses::jsonb, l.details::jsonb
    FROM context, unnest($10::uuid[], $11::text[], $12::text[], $13::text[], $14::text[], $15::uuid[], $16::text[],
        $17::text[], $18::text[], $19::text[])
        AS l (id, action, outcome, reason, kind, entity, covers, changes, discloses, details)
    RETURNING at";

#[async_trait]
impl Trail for PgUnit {
    async fn append(&mut self, leaves: &[Leaf<'_>]) -> Result<DateTime<Utc>, StoreError> {
        let own = |writer: &Writer| {
            writer.unit == self.writer.unit && ptr::eq(writer.operation, self.writer.operation)
        };
        if !leaves.iter().all(|leaf| own(leaf.writer)) {
            return Err(StoreError::ForeignEvents);
        }
        let statement = statement(&self.writer, &self.keys, leaves)?;
        let at = latest(&statement.within(&self.conn).await?, leaves.len())?;
        self.appended.extend(leaves.iter().map(|leaf| leaf.id));
        Ok(at)
    }
}

#[async_trait]
impl Trail for PgReading {
    async fn append(&mut self, leaves: &[Leaf<'_>]) -> Result<DateTime<Utc>, StoreError> {
        let statement = statement(&self.writer, &self.keys, leaves)?;
        latest(&statement.alone(&self.pool).await?, leaves.len())
    }
}

fn latest(rows: &[PgRow], expected: usize) -> Result<DateTime<Utc>, StoreError> {
    let times: Result<Vec<DateTime<Utc>>, _> = rows.iter().map(|row| row.try_get("at")).collect();
    let latest = times.map_err(failed)?.into_iter().max().filter(|_| rows.len() == expected);
    latest.ok_or(StoreError::Corrupt { table: "audit_leaf", column: "at" })
}

fn statement(writer: &Writer, keys: &TenantKeys, leaves: &[Leaf<'_>]) -> Result<Scoped, StoreError> {
    let who = &writer.who;
    let text = |of: &dyn Fn(&Leaf<'_>) -> String| leaves.iter().map(of).collect::<Vec<_>>();
    Ok(Scoped::new(writer.tenant().into(), APPEND)
        .bind(Uuid::from(writer.unit))
        .bind(who.actor().kind())
        .bind(who.actor().id())
        .bind(who.roles().to_vec())
        .bind(writer.operation.id)
        .bind(source(writer, keys)?)
        .bind(who.source().request.clone())
        .bind(who.source().trace.clone())
        .bind(leaves.iter().map(|leaf| Uuid::from(leaf.id)).collect::<Vec<_>>())
        .bind(text(&|leaf| leaf.action.as_str().to_owned()))
        .bind(text(&|leaf| leaf.outcome.as_str().to_owned()))
        .bind(leaves.iter().map(|leaf| leaf.reason.map(str::to_owned)).collect::<Vec<_>>())
        .bind(text(&|leaf| leaf.entity.kind().to_owned()))
        .bind(leaves.iter().map(|leaf| leaf.entity.id()).collect::<Vec<_>>())
        .bind(text(&|leaf| covers(leaf.covers).to_string()))
        .bind(text(&|leaf| changes(leaf.changes).to_string()))
        .bind(text(&|leaf| json!(leaf.discloses).to_string()))
        .bind(text(&|leaf| details(leaf.details).to_string())))
}

/// Address and agent are personal: sealed, once for the unit, bound to it.
fn source(writer: &Writer, keys: &TenantKeys) -> Result<Option<Vec<u8>>, StoreError> {
    let source = writer.who.source();
    if source.ip.is_none() && source.user_agent.is_none() {
        return Ok(None);
    }
    let text = json!({ "ip": source.ip, "user_agent": source.user_agent }).to_string();
    let sealed = keys.audit().seal(writer.source_place(), text.as_bytes());
    sealed.map(Some).map_err(|error| StoreError::Failed(Box::new(error)))
}

fn covers(entities: &[Entity]) -> Json {
    entities.iter().map(|entity| json!({ "kind": entity.kind(), "id": entity.id() })).collect()
}

fn changes(changes: &[Change]) -> Json {
    let value = |value: &Option<Value>| match value {
        None => Json::Null,
        Some(Value::Plain(text)) => json!(text),
        Some(Value::Personal(commitment)) => json!({ "commitment": commitment.to_string() }),
    };
    let change = |change: &Change| {
        (change.field.to_string(), json!({ "before": value(&change.before), "after": value(&change.after) }))
    };
    Json::Object(changes.iter().map(change).collect::<Map<_, _>>())
}

fn details(details: &[(&'static str, String)]) -> Json {
    Json::Object(details.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect())
}
