//! What is personal beside the log, erased: of an entry its source and that it is found by it, nothing else.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::audit::Erasure;
use ward::audit::sequence::LogKeys as _;
use ward::kernel::{EventId, StoreError, SubjectId};

use super::search::entry;
use super::tree::number;
use super::words::Index;
use crate::error::failed;
use crate::unit::PgUnit;

const VALUES: &str = "
    WITH gone AS (DELETE FROM ward.audit_value WHERE tenant = $1 AND subject = $2 RETURNING subject)
    SELECT count(*) AS gone FROM gone";

const SOURCES: &str = "
    SELECT p.index, p.leaf, l.at, l.body, l.source FROM ward.audit_place p CROSS JOIN LATERAL (
        SELECT l.at, l.body, l.source FROM ward.audit_leaf l WHERE l.tenant = $1 AND l.id = p.leaf OFFSET 0) l
    WHERE p.tenant = $1 AND p.leaf = ANY ($2) AND l.source IS NOT NULL";

const ERASE: &str = "UPDATE ward.audit_leaf SET source = NULL WHERE tenant = $1 AND id = ANY ($2)";

const FORGET: &str = "
    UPDATE ward.audit_word a SET hits = a.hits & ~('x' || w.hits)::bit(256)
    FROM unnest($2::bigint[], $3::bigint[], $4::text[]) AS w (word, tile, hits)
    WHERE a.tenant = $1 AND a.word = w.word AND a.tile = w.tile AND a.erasable";

/// A word without hits would still tell that the address was there.
const FORGET_WORDS: &str = "
    DELETE FROM ward.audit_word
    WHERE tenant = $1 AND word = ANY ($2) AND tile = ANY ($3) AND erasable AND hits = 0::bit(256)";

#[async_trait]
impl Erasure for PgUnit {
    async fn erase_values(&mut self, subject: SubjectId) -> Result<u64, StoreError> {
        let gone = self.scoped(VALUES).bind(Uuid::from(subject)).within(&self.conn).await?;
        gone.first().map_or(Ok(0), |row| number(row, "gone"))
    }

    async fn erase_sources(&mut self, entries: &[EventId]) -> Result<u64, StoreError> {
        let asked: Vec<_> = entries.iter().copied().map(Uuid::from).collect();
        let rows = self.scoped(SOURCES).bind(asked).within(&self.conn).await?;
        let leaves = rows.iter().map(|row| row.try_get("leaf")).collect::<Result<Vec<Uuid>, _>>();
        self.scoped(ERASE).bind(leaves.map_err(failed)?).within(&self.conn).await?;
        let addresses = rows.iter().map(|row| self.address(row)).collect::<Result<Vec<_>, _>>()?;
        let addresses = addresses.iter().flatten().map(|(place, word)| (*place, word.as_str()));
        let Index { words, tiles, hits, .. } = Index::of(addresses);
        let forget = self.scoped(FORGET).bind(words.clone()).bind(tiles.clone()).bind(hits);
        forget.within(&self.conn).await?;
        self.scoped(FORGET_WORDS).bind(words).bind(tiles).within(&self.conn).await?;
        Ok(rows.len() as u64)
    }
}

impl PgUnit {
    /// The place of an entry, and the word for the address that its request came from.
    fn address(&self, row: &PgRow) -> Result<Option<(u64, String)>, StoreError> {
        let entry = entry(row)?;
        Ok(self.keys.address(&entry).map(|word| (entry.index, word)))
    }
}
