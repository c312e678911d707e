//! The audit log: leaves go in as one statement, whether inside a unit or alone.

use std::ptr;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::audit::{Leaf, Trail, Writer};
use ward::crypto::TenantKeys;
use ward::kernel::StoreError;

use crate::error::failed;
use crate::leaf::Texts;
use crate::reading::PgReading;
use crate::scoped::Scoped;
use crate::unit::PgUnit;

/// Sets the tenant itself, and the context feeds the rows: it is in force before one exists, also without a unit.
const APPEND: &str = "
    WITH context AS MATERIALIZED (SELECT set_config('ward.tenant', ($1::uuid)::text, true)::uuid AS tenant)
    INSERT INTO ward.audit_leaf (tenant, unit, actor_kind, actor, roles, operation, source, request, trace,
        id, action, outcome, reason, entity_kind, entity, covers, changes, discloses, details)
    SELECT context.tenant, $2, $3, $4, $5, $6, $7, $8, $9,
        l.id, l.action, l.outcome, l.reason, l.kind, l.entity, l.covers, l.changes, l.discloses, l.details
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
        latest(&statement.alone(&self.pool, self.tenant()).await?, leaves.len())
    }
}

fn latest(rows: &[PgRow], expected: usize) -> Result<DateTime<Utc>, StoreError> {
    let times: Result<Vec<DateTime<Utc>>, _> = rows.iter().map(|row| row.try_get("at")).collect();
    let latest = times.map_err(failed)?.into_iter().max().filter(|_| rows.len() == expected);
    latest.ok_or(StoreError::Corrupt { table: "audit_leaf", column: "at" })
}

fn statement(writer: &Writer, keys: &TenantKeys, leaves: &[Leaf<'_>]) -> Result<Scoped, StoreError> {
    let who = &writer.who;
    let word = |of: fn(&Leaf<'_>) -> &'static str| leaves.iter().map(of).collect::<Vec<_>>();
    let (mut covers, mut changes, mut discloses, mut details) = (vec![], vec![], vec![], vec![]);
    for leaf in leaves {
        let texts = Texts::of(leaf)?;
        covers.push(texts.covers);
        changes.push(texts.changes);
        discloses.push(texts.discloses);
        details.push(texts.details);
    }
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
        .bind(word(|leaf| leaf.action.as_str()))
        .bind(word(|leaf| leaf.outcome.as_str()))
        .bind(leaves.iter().map(|leaf| leaf.reason).collect::<Vec<_>>())
        .bind(word(|leaf| leaf.entity.kind()))
        .bind(leaves.iter().map(|leaf| leaf.entity.id()).collect::<Vec<_>>())
        .bind(covers)
        .bind(changes)
        .bind(discloses)
        .bind(details))
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
