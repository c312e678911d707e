//! What is stored of a log besides its tree, for whoever looks whether it is right.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use uuid::Uuid;
use ward::audit::Entry;
use ward::audit::index::Index;
use ward::audit::inspect::StoredLog;
use ward::kernel::{EventId, StoreError};

use super::index;
use super::search::{BETWEEN, entry};
use crate::error::failed;
use crate::reading::PgReading;

const LATEST: &str =
    "SELECT t.latest FROM ward.audit_tile t WHERE t.tenant = $1 AND t.level = 0 AND t.index = $2";

/// In one statement, since a log may grow between two; what is computed is computed before it is compared, as in `tree.rs`.
const OVERGROWN: &str = "
    WITH h AS MATERIALIZED (
        SELECT s.size, (s.size + 255) / 256 AS tiles
        FROM (SELECT coalesce((SELECT size FROM ward.audit_head WHERE tenant = $1), 0) AS size) s),
    l AS MATERIALIZED (SELECT l::smallint AS level, h.size >> (8 * (l + 1)) AS hashes FROM h, generate_series(0, 6) l)
    SELECT EXISTS (SELECT FROM ward.audit_place p WHERE p.tenant = $1 AND p.index >= h.size)
        OR EXISTS (SELECT FROM l WHERE EXISTS (
            SELECT FROM ward.audit_tile t WHERE t.tenant = $1 AND t.level = l.level AND t.index >= l.hashes))
        OR EXISTS (SELECT FROM ward.audit_word w WHERE w.tenant = $1 AND w.tile >= h.tiles) AS is_overgrown
    FROM h";

const REJECTED: &str = "SELECT ward.leaves_rejected() AS rejected WHERE $1::uuid IS NOT NULL";

#[async_trait]
impl StoredLog for PgReading {
    async fn placed(&mut self, first: u64, count: u16) -> Result<Vec<Entry>, StoreError> {
        let (first, end) = (first.cast_signed(), (first + u64::from(count)).cast_signed());
        let rows = self.scoped(BETWEEN).bind(first).bind(end).through(&self.gate).await?;
        rows.iter().rev().map(entry).collect()
    }

    async fn indexed(&mut self, tile: u64) -> Result<Index, StoreError> {
        index::read(&index::of_tile(|sql| self.scoped(sql), tile).through(&self.gate).await?, tile)
    }

    async fn latest(&mut self, tile: u64) -> Result<Option<DateTime<Utc>>, StoreError> {
        let rows = self.scoped(LATEST).bind(tile.cast_signed()).through(&self.gate).await?;
        rows.first().map(|row| row.try_get("latest").map_err(failed)).transpose()
    }

    async fn is_overgrown(&mut self) -> Result<bool, StoreError> {
        let rows = self.scoped(OVERGROWN).through(&self.gate).await?;
        rows.first().map_or(Ok(false), |row| row.try_get("is_overgrown").map_err(failed))
    }

    async fn rejected(&mut self) -> Result<Vec<EventId>, StoreError> {
        let rows = self.scoped(REJECTED).through(&self.gate).await?;
        let leaf = |row| sqlx::Row::try_get::<Uuid, _>(row, "rejected").map(EventId::from).map_err(failed);
        rows.iter().map(leaf).collect()
    }
}
