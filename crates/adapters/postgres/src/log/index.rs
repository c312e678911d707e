//! The index of words, as it is stored: a row for each word in each tile.

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use ward::audit::index::{Hits, Index};
use ward::kernel::StoreError;

use crate::error::failed;
use crate::scoped::Scoped;

const ADD: &str = "
    INSERT INTO ward.audit_word AS a (tenant, word, tile, hits)
    SELECT $1, w.word, w.tile, ('x' || w.hits)::bit(256) FROM unnest($2::bigint[], $3::bigint[], $4::text[]) AS w (word, tile, hits)
    ON CONFLICT (tenant, word, tile) DO UPDATE SET hits = a.hits | excluded.hits";

const OF_TILE: &str =
    "SELECT w.word, w.hits::text AS hits FROM ward.audit_word w WHERE w.tenant = $1 AND w.tile = $2";

pub(super) fn add(statement: impl Fn(&'static str) -> Scoped, index: &Index) -> Scoped {
    let (mut words, mut tiles, mut hits) = (Vec::new(), Vec::new(), Vec::new());
    for (word, tile, found) in index.iter() {
        words.push(word);
        tiles.push(tile.cast_signed());
        hits.push(found.hex());
    }
    statement(ADD).bind(words).bind(tiles).bind(hits)
}

pub(super) fn of_tile(statement: impl Fn(&'static str) -> Scoped, tile: u64) -> Scoped {
    statement(OF_TILE).bind(tile.cast_signed())
}

pub(super) fn read(rows: &[PgRow], tile: u64) -> Result<Index, StoreError> {
    rows.iter().map(|row| Ok(((row.try_get("word").map_err(failed)?, tile), hits(row)?))).collect()
}

/// 256 digits.
pub(super) fn hits(row: &PgRow) -> Result<Hits, StoreError> {
    Ok(Hits::read(row.try_get("hits").map_err(failed)?))
}
