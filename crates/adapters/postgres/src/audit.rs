//! The audit log, written: leaves go in as one statement, whether inside a unit or alone.

use std::ptr;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::audit::{Leaf, Origin, Trail, Writer};
use ward::crypto::TenantKeys;
use ward::kernel::{Machine, StoreError};

use crate::error::failed;
use crate::reading::PgReading;
use crate::scoped::Scoped;
use crate::unit::PgUnit;

/// Sets the tenant itself, and the context feeds the rows: it is in force before one exists, also without a unit.
const APPEND: &str = "
    WITH context AS MATERIALIZED (SELECT set_config('ward.tenant', ($1::uuid)::text, true)::uuid AS tenant),
    leaves AS (
        INSERT INTO ward.audit_leaf (tenant, id, body, mac, source)
        SELECT context.tenant, l.id, l.body, l.mac, $2 FROM context, unnest($3::uuid[], $4::text[], $5::bytea[]) AS l (id, body, mac)
        RETURNING at),
    waiting AS MATERIALIZED (SELECT ward.await_place($3) AS wait FROM context)
    SELECT max(leaves.at) AS at, count(*) AS leaves FROM leaves, waiting WHERE waiting.wait";

#[async_trait]
impl Trail for PgUnit {
    async fn append(&mut self, leaves: &[Leaf<'_>]) -> Result<DateTime<Utc>, StoreError> {
        let own = |writer: &Writer| {
            writer.unit == self.writer.unit && ptr::eq(writer.operation, self.writer.operation)
        };
        if !leaves.iter().all(|leaf| own(leaf.writer)) {
            return Err(StoreError::ForeignEvents);
        }
        let statement = statement(&self.writer, &self.keys, &self.machine, leaves)?;
        let at = latest(&statement.within(&self.conn).await?, leaves.len())?;
        self.appended.extend(leaves.iter().map(|leaf| leaf.id));
        Ok(at)
    }
}

#[async_trait]
impl Trail for PgReading {
    async fn append(&mut self, leaves: &[Leaf<'_>]) -> Result<DateTime<Utc>, StoreError> {
        let statement = statement(&self.writer, &self.keys, &self.machine, leaves)?;
        latest(&statement.alone(&self.pool, self.tenant()).await?, leaves.len())
    }
}

fn latest(rows: &[PgRow], expected: usize) -> Result<DateTime<Utc>, StoreError> {
    let corrupt = StoreError::Corrupt { table: "audit_leaf", column: "at" };
    let Some(row) = rows.first() else { return Err(corrupt) };
    let written: i64 = row.try_get("leaves").map_err(failed)?;
    let at: Option<DateTime<Utc>> = row.try_get("at").map_err(failed)?;
    at.filter(|_| usize::try_from(written) == Ok(expected)).ok_or(corrupt)
}

fn statement(
    writer: &Writer,
    keys: &TenantKeys,
    machine: &Arc<dyn Machine>,
    leaves: &[Leaf<'_>],
) -> Result<Scoped, StoreError> {
    let mut salt = [0; 32];
    machine.fill(&mut salt);
    let origin = Origin::of(writer.who.source(), &salt);
    let bodies = leaves.iter().map(|leaf| leaf.body(&origin)).collect::<Result<Vec<_>, _>>();
    let bodies = bodies.map_err(|error| StoreError::Failed(Box::new(error)))?;
    let macs: Vec<_> = bodies.iter().map(|body| keys.leaf().digest(body.as_bytes()).to_vec()).collect();
    Ok(Scoped::new(writer.tenant().into(), APPEND)
        .bind(sealed(&origin, writer, keys)?)
        .bind(leaves.iter().map(|leaf| Uuid::from(leaf.id)).collect::<Vec<_>>())
        .bind(bodies)
        .bind(macs))
}

/// Address and agent are personal: sealed, once for the unit, bound to it.
fn sealed(origin: &Origin, writer: &Writer, keys: &TenantKeys) -> Result<Option<Vec<u8>>, StoreError> {
    let seal = |clear: &str| keys.audit().seal(writer.source_place(), clear.as_bytes());
    origin.clear().map(seal).transpose().map_err(|error| StoreError::Failed(Box::new(error)))
}
