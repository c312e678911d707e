//! The audit log, written: leaves go in as one statement, inside a unit or together with those of others.

use std::iter;
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

use crate::audit_value::Kept;
use crate::error::failed;
use crate::reading::PgReading;
use crate::scoped::Scoped;
use crate::unit::PgUnit;

/// Sets the tenant itself, and the context feeds the rows: it is in force before one exists, also without a unit, and where the
/// transaction was another tenant's before.
const APPEND: &str = "
    WITH context AS MATERIALIZED (SELECT set_config('ward.tenant', ($1::uuid)::text, true)::uuid AS tenant),
    leaves AS (
        INSERT INTO ward.audit_leaf (tenant, id, body, mac, source)
        SELECT context.tenant, l.id, l.body, l.mac, l.source
        FROM context, unnest($2::uuid[], $3::text[], $4::bytea[], $5::bytea[]) AS l (id, body, mac, source)
        RETURNING at),
    waiting AS MATERIALIZED (SELECT ward.await_place($2) AS wait FROM context)
    SELECT max(leaves.at) AS at, count(*) AS leaves FROM leaves, waiting WHERE waiting.wait";

/// The same in a unit, whose tenant is set already, with values that were replaced: what replaces none is not to pay for it. A row
/// that was put back as it was holds a value that is kept already, which goes with the later entry.
const APPEND_WITH_VALUES: &str = "
    WITH context AS MATERIALIZED (SELECT set_config('ward.tenant', ($1::uuid)::text, true)::uuid AS tenant),
    leaves AS (
        INSERT INTO ward.audit_leaf (tenant, id, body, mac, source)
        SELECT context.tenant, l.id, l.body, l.mac, l.source
        FROM context, unnest($2::uuid[], $3::text[], $4::bytea[], $5::bytea[]) AS l (id, body, mac, source)
        RETURNING at),
    waiting AS MATERIALIZED (SELECT ward.await_place($2) AS wait FROM context),
    replaced AS (
        INSERT INTO ward.audit_value (tenant, subject, commitment, event, record, field, sealed)
        SELECT $1, v.* FROM unnest($6::uuid[], $7::bytea[], $8::uuid[], $9::uuid[], $10::text[], $11::bytea[]) AS v
        ON CONFLICT (tenant, subject, commitment) DO UPDATE SET event = excluded.event)
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
        let written = Written::of(&self.writer, &self.keys, &self.machine, leaves)?;
        let kept = Kept::of(leaves);
        let statement = if kept.is_empty() {
            statement(written.tenant, [&written])
        } else {
            kept.bind(bound(APPEND_WITH_VALUES, written.tenant, [&written]))
        };
        let at = stored(leaves.len(), &statement.within(&self.conn).await?)?;
        self.appended.extend(leaves.iter().map(|leaf| leaf.id));
        Ok(at)
    }
}

#[async_trait]
impl Trail for PgReading {
    async fn append(&mut self, leaves: &[Leaf<'_>]) -> Result<DateTime<Utc>, StoreError> {
        self.group.append(Written::of(&self.writer, &self.keys, &self.machine, leaves)?).await
    }
}

/// Leaves of one tenant, as they are stored.
#[derive(Debug)]
#[cfg_attr(test, derive(Default))]
pub(crate) struct Written {
    pub(crate) tenant: Uuid,
    ids: Vec<Uuid>,
    bodies: Vec<String>,
    macs: Vec<[u8; 32]>,
    source: Option<Vec<u8>>,
}

impl Written {
    fn of(
        writer: &Writer,
        keys: &TenantKeys,
        machine: &Arc<dyn Machine>,
        leaves: &[Leaf<'_>],
    ) -> Result<Self, StoreError> {
        let mut salt = [0; 32];
        machine.fill(&mut salt);
        let origin = Origin::of(writer.who.source(), &salt);
        let bodies = leaves.iter().map(|leaf| leaf.body(&origin)).collect::<Result<Vec<_>, _>>();
        let bodies = bodies.map_err(|error| StoreError::Failed(Box::new(error)))?;
        Ok(Self {
            tenant: writer.tenant().into(),
            ids: leaves.iter().map(|leaf| leaf.id.into()).collect(),
            macs: bodies.iter().map(|body| keys.leaf().digest(body.as_bytes())).collect(),
            bodies,
            source: sealed(&origin, writer, keys)?,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}

/// Stores leaves of `tenant`, all or none.
pub(crate) fn statement<'a>(tenant: Uuid, written: impl IntoIterator<Item = &'a Written> + Clone) -> Scoped {
    bound(APPEND, tenant, written)
}

fn bound<'a>(
    sql: &'static str,
    tenant: Uuid,
    written: impl IntoIterator<Item = &'a Written> + Clone,
) -> Scoped {
    let each = || written.clone().into_iter();
    Scoped::new(tenant, sql)
        .bind(each().flat_map(|of| of.ids.iter().copied()).collect::<Vec<_>>())
        .bind(each().flat_map(|of| of.bodies.iter().map(String::as_str)).collect::<Vec<_>>())
        .bind(each().flat_map(|of| of.macs.iter().map(<[u8; 32]>::as_slice)).collect::<Vec<_>>())
        .bind(each().flat_map(|of| iter::repeat_n(of.source.as_deref(), of.len())).collect::<Vec<_>>())
}

/// When so many leaves were stored, if all of them were.
pub(crate) fn stored(leaves: usize, rows: &[PgRow]) -> Result<DateTime<Utc>, StoreError> {
    let corrupt = StoreError::Corrupt { table: "audit_leaf", column: "at" };
    let Some(row) = rows.first() else { return Err(corrupt) };
    let stored: i64 = row.try_get("leaves").map_err(failed)?;
    let at: Option<DateTime<Utc>> = row.try_get("at").map_err(failed)?;
    at.filter(|_| usize::try_from(stored) == Ok(leaves)).ok_or(corrupt)
}

/// Address and agent are personal: sealed, once for the unit, bound to it.
fn sealed(origin: &Origin, writer: &Writer, keys: &TenantKeys) -> Result<Option<Vec<u8>>, StoreError> {
    let seal = |clear: &str| keys.audit().seal(writer.source_place(), clear.as_bytes());
    origin.clear().map(seal).transpose().map_err(|error| StoreError::Failed(Box::new(error)))
}
