//! The stored tree, read: from tiles where they are full, from what they are made of where they aren't.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use ward::audit::tree::{Hash, Run, StoredTree};
use ward::kernel::StoreError;

use crate::error::failed;
use crate::reading::PgReading;
use crate::scoped::Scoped;

/// What is computed is computed before it is compared: row security lets no comparison use an index that might fail on the way, as a
/// division might.
const HASHES: &str = "
    WITH w AS MATERIALIZED (
        SELECT n, level, (level - 1)::smallint AS below, first, first + count AS until, first / 256 AS tile,
            (first % 256)::integer * 32 + 1 AS at, count * 32 AS bytes
        FROM unnest($2::smallint[], $3::bigint[], $4::integer[]) WITH ORDINALITY AS w (level, first, count, n))
    SELECT coalesce(
        (SELECT substring(t.hashes FROM w.at FOR w.bytes) FROM ward.audit_tile t
         WHERE t.tenant = $1 AND t.level = w.level AND t.index = w.tile),
        CASE w.level WHEN 0 THEN
            (SELECT string_agg(p.hash, '' ORDER BY p.index) FROM ward.audit_place p
             WHERE p.tenant = $1 AND p.index >= w.first AND p.index < w.until)
        ELSE
            (SELECT string_agg(t.root, '' ORDER BY t.index) FROM ward.audit_tile t
             WHERE t.tenant = $1 AND t.level = w.below AND t.index >= w.first AND t.index < w.until)
        END) AS hashes
    FROM w ORDER BY w.n";

pub(super) fn hashes(statement: impl Fn(&'static str) -> Scoped, runs: &[Run]) -> Scoped {
    statement(HASHES)
        .bind(runs.iter().map(|run| i16::from(run.level)).collect::<Vec<_>>())
        .bind(runs.iter().map(|run| run.first.cast_signed()).collect::<Vec<_>>())
        .bind(runs.iter().map(|run| i32::from(run.count)).collect::<Vec<_>>())
}

pub(super) fn read(rows: &[PgRow]) -> Result<Vec<Vec<Hash>>, StoreError> {
    let run = |row: &PgRow| {
        let bytes: Option<Vec<u8>> = row.try_get("hashes").map_err(failed)?;
        let (hashes, _) = bytes.as_deref().unwrap_or_default().as_chunks();
        Ok(hashes.iter().copied().map(Hash).collect())
    };
    rows.iter().map(run).collect()
}

/// The one hash of a column.
pub(super) fn hash(row: &PgRow, table: &'static str, column: &'static str) -> Result<Hash, StoreError> {
    let bytes: &[u8] = row.try_get(column).map_err(failed)?;
    bytes.try_into().map(Hash).map_err(|_| StoreError::Corrupt { table, column })
}

/// A number that the schema keeps from being negative.
pub(super) fn number(row: &PgRow, column: &'static str) -> Result<u64, StoreError> {
    Ok(row.try_get::<i64, _>(column).map_err(failed)?.cast_unsigned())
}

#[async_trait]
impl StoredTree for PgReading {
    async fn hashes(&mut self, runs: &[Run]) -> Result<Vec<Vec<Hash>>, StoreError> {
        read(&hashes(|sql| self.scoped(sql), runs).through(&self.gate).await?)
    }
}
