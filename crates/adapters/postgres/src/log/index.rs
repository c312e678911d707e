//! The index of words, as it is stored: a row for each word in each tile.

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use ward::audit::index::{Hits, Index};
use ward::kernel::StoreError;

use crate::error::failed;
use crate::scoped::Scoped;

const ADD: &str = "
    INSERT INTO ward.audit_word AS a (tenant, word, tile, hits, erasable)
    SELECT $1, w.word, w.tile, ('x' || w.hits)::bit(256), w.erasable
    FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::boolean[]) AS w (word, tile, hits, erasable)
    ON CONFLICT (tenant, word, tile) DO UPDATE SET hits = a.hits | excluded.hits";

const FORGET: &str = "
    UPDATE ward.audit_word a SET hits = a.hits & ~('x' || w.hits)::bit(256)
    FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::boolean[]) AS w (word, tile, hits, erasable)
    WHERE a.tenant = $1 AND a.word = w.word AND a.tile = w.tile AND a.erasable AND w.erasable";

/// A word without hits would still tell that the address was there.
const FORGET_WORDS: &str = "
    DELETE FROM ward.audit_word WHERE tenant = $1 AND word = ANY ($2) AND tile = ANY ($3) AND erasable AND hits = 0::bit(256)";

const OF_TILE: &str =
    "SELECT w.word, w.hits::text AS hits FROM ward.audit_word w WHERE w.tenant = $1 AND w.tile = $2";

/// A column each.
#[derive(Default)]
struct Columns {
    words: Vec<i64>,
    tiles: Vec<i64>,
    hits: Vec<String>,
    erasable: Vec<bool>,
}

impl Columns {
    fn of(index: &Index) -> Self {
        let mut columns = Self::default();
        for (word, tile, hits) in index.iter() {
            columns.words.push(word);
            columns.tiles.push(tile.cast_signed());
            columns.hits.push(hits.hex());
            columns.erasable.push(index.is_erasable(word));
        }
        columns
    }

    fn bound_to(self, statement: Scoped) -> Scoped {
        statement.bind(self.words).bind(self.tiles).bind(self.hits).bind(self.erasable)
    }
}

pub(super) fn add(statement: impl Fn(&'static str) -> Scoped, index: &Index) -> Scoped {
    Columns::of(index).bound_to(statement(ADD))
}

/// Two statements, which take out of it what addresses find.
pub(super) fn forget(statement: impl Fn(&'static str) -> Scoped, index: &Index) -> [Scoped; 2] {
    let columns = Columns::of(index);
    let words = statement(FORGET_WORDS).bind(columns.words.clone()).bind(columns.tiles.clone());
    [columns.bound_to(statement(FORGET)), words]
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
