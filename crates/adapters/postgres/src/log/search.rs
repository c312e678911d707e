//! The log, searched: newest first, by the words that its entries have.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::audit::entry::SKEW;
use ward::audit::tree::Tile;
use ward::audit::{AuditView, Entry, Found, Search};
use ward::kernel::{EventId, StoreError};

use super::tree::number;
use super::words::{Hits, code};
use crate::error::failed;
use crate::reading::PgReading;

/// The size of the log, and the tiles between which entries of a time lie: the latest time up to a tile's end never goes back.
const BOUNDS: &str = "
    SELECT h.size,
        CASE WHEN $2::timestamptz IS NOT NULL THEN coalesce(
            (SELECT t.index FROM ward.audit_tile t WHERE t.tenant = $1 AND t.level = 0 AND t.latest >= $2 ORDER BY t.latest, t.index LIMIT 1),
            h.size / 256) END AS first,
        (SELECT t.index FROM ward.audit_tile t WHERE t.tenant = $1 AND t.level = 0 AND t.latest >= $3::timestamptz
         ORDER BY t.latest, t.index LIMIT 1) AS last
    FROM ward.audit_head h WHERE h.tenant = $1";

const BETWEEN: &str = "
    SELECT p.index, l.at, l.body, l.source FROM ward.audit_place p CROSS JOIN LATERAL (
        SELECT l.at, l.body, l.source FROM ward.audit_leaf l WHERE l.tenant = $1 AND l.id = p.leaf OFFSET 0) l
    WHERE p.tenant = $1 AND p.index >= $2 AND p.index < $3 ORDER BY p.index DESC";

const AT: &str = "
    SELECT p.index, l.at, l.body, l.source FROM ward.audit_place p CROSS JOIN LATERAL (
        SELECT l.at, l.body, l.source FROM ward.audit_leaf l WHERE l.tenant = $1 AND l.id = p.leaf OFFSET 0) l
    WHERE p.tenant = $1 AND p.index = ANY ($2) ORDER BY p.index DESC";

const NAMED: &str = "
    SELECT p.index, l.at, l.body, l.source FROM ward.audit_place p JOIN ward.audit_leaf l ON l.tenant = $1 AND l.id = $2
    WHERE p.tenant = $1 AND p.leaf = $2";

/// In which entries of each tile all words occur; newest first.
const HITS: &str = "
    SELECT w.tile, bit_and(w.hits)::text AS hits FROM ward.audit_word w
    WHERE w.tenant = $1 AND w.word = ANY ($2) AND w.tile >= $3 AND w.tile <= $4
    GROUP BY w.tile HAVING count(*) = $5 ORDER BY w.tile DESC";

const TILE: u64 = Tile::WIDTH as u64;
/// How many entries a search reads at a time, at most.
const READ: usize = 10_000;
/// Over how many tiles it asks for words at first; four times as many each time that it finds too little.
const TILES: u64 = 64;

/// The places in which a search still looks.
#[derive(Clone, Copy, Debug)]
struct Range {
    low: u64,
    high: u64,
}

impl PgReading {
    async fn range(&self, search: &Search, below: Option<u64>) -> Result<Range, StoreError> {
        let after = search.to.map(|to| to.checked_add_signed(SKEW).unwrap_or(DateTime::<Utc>::MAX_UTC));
        let rows = self.scoped(BOUNDS).bind(search.from).bind(after).through(&self.gate).await?;
        let Some(row) = rows.first() else { return Ok(Range { low: 0, high: 0 }) };
        let tile = |column| row.try_get::<Option<i64>, _>(column).map_err(failed);
        let low = tile("first")?.map_or(0, |tile| tile.cast_unsigned() * TILE);
        let last = tile("last")?.map(|tile| (tile.cast_unsigned() + 1) * TILE);
        let high = last.into_iter().chain(below).fold(number(row, "size")?, u64::min);
        Ok(Range { low, high })
    }

    /// Places below `range.high` where all words occur, newest first, from one tile at least; and below which place to go on.
    async fn hits(&self, words: &[i64], range: Range, tiles: u64) -> Result<(Vec<u64>, u64), StoreError> {
        let last = range.high.saturating_sub(1) / TILE;
        let first = (last + 1).saturating_sub(tiles).max(range.low / TILE);
        let hits = self.scoped(HITS).bind(words.to_vec()).bind(first.cast_signed()).bind(last.cast_signed());
        let rows = hits.bind(words.len() as i64).through(&self.gate).await?;
        let mut places = Vec::new();
        for row in &rows {
            let tile = number(row, "tile")? * TILE;
            let hits = Hits::read(row.try_get("hits").map_err(failed)?);
            let hits = hits.and(Hits::below(range.high.saturating_sub(tile)));
            places.extend(hits.entries().map(|entry| tile + u64::from(entry)));
        }
        Ok((places, (first * TILE).max(range.low)))
    }
}

/// What a search has found so far.
struct Finding<'s> {
    search: &'s Search,
    most: usize,
    read: usize,
    found: Vec<Entry>,
    missing: u64,
}

impl Finding<'_> {
    fn is_over(&self) -> bool {
        self.found.len() >= self.most || self.read >= READ
    }

    /// How many entries to read next: not many more than are missing.
    fn next(&self) -> usize {
        (2 * (self.most - self.found.len())).clamp(32, 500).min(READ - self.read)
    }

    /// Adds what the search finds among `rows`, which were read for `places`; says below which place it was satisfied.
    fn add(&mut self, rows: &[PgRow], places: usize) -> Result<Option<u64>, StoreError> {
        self.read += places;
        self.missing += places.saturating_sub(rows.len()) as u64;
        for row in rows {
            let entry = entry(row)?;
            if self.search.finds(&entry) {
                let index = entry.index;
                self.found.push(entry);
                if self.found.len() == self.most {
                    return Ok(Some(index));
                }
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl AuditView for PgReading {
    async fn entries(&mut self, search: &Search, below: Option<u64>, most: u32) -> Result<Found, StoreError> {
        let mut range = self.range(search, below).await?;
        let words: Vec<i64> = search.words().iter().map(code).collect();
        let mut finding = Finding { search, most: most as usize, read: 0, found: Vec::new(), missing: 0 };
        let mut tiles = TILES;
        while range.high > range.low && !finding.is_over() {
            if words.is_empty() {
                let low = range.high.saturating_sub(finding.next() as u64).max(range.low);
                let rows = self.scoped(BETWEEN).bind(low.cast_signed()).bind(range.high.cast_signed());
                let rows = rows.through(&self.gate).await?;
                range.high = finding.add(&rows, (range.high - low) as usize)?.unwrap_or(low);
                continue;
            }
            let (places, reached) = self.hits(&words, range, tiles).await?;
            let mut left = &places[..];
            while !left.is_empty() && !finding.is_over() {
                let (now, later) = left.split_at(finding.next().min(left.len()));
                let at: Vec<_> = now.iter().map(|place| place.cast_signed()).collect();
                let rows = self.scoped(AT).bind(at).through(&self.gate).await?;
                let last = now.last().copied().unwrap_or(range.high);
                range.high = finding.add(&rows, now.len())?.unwrap_or(last);
                left = later;
            }
            if left.is_empty() && !finding.is_over() {
                (range.high, tiles) = (reached, tiles * 4);
            }
        }
        let reached = (range.high > range.low).then_some(range.high);
        Ok(Found { entries: finding.found, reached, missing: finding.missing })
    }

    async fn entry(&mut self, id: EventId) -> Result<Option<Entry>, StoreError> {
        let rows = self.scoped(NAMED).bind(Uuid::from(id)).through(&self.gate).await?;
        rows.first().map(entry).transpose()
    }
}

pub(super) fn entry(row: &PgRow) -> Result<Entry, StoreError> {
    let (at, body) = (row.try_get("at").map_err(failed)?, row.try_get("body").map_err(failed)?);
    Ok(Entry::read(number(row, "index")?, at, body, row.try_get("source").map_err(failed)?))
}
