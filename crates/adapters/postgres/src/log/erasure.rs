//! What is personal beside the log, erased: of an entry its source and that it is found by it, nothing else.

use async_trait::async_trait;
use sqlx::Row as _;
use uuid::Uuid;
use ward::audit::Erasure;
use ward::audit::index::Index;
use ward::audit::sequence::LogKeys as _;
use ward::kernel::{EventId, StoreError, SubjectId};

use super::index;
use super::search::entry;
use super::tree::number;
use crate::error::failed;
use crate::unit::PgUnit;

const VALUES: &str = "
    WITH gone AS (DELETE FROM ward.audit_value WHERE tenant = $1 AND subject = $2 RETURNING subject)
    SELECT count(*) AS gone FROM gone";

const SOURCES: &str = "
    SELECT p.index, p.hash, p.leaf, l.at, l.body, l.source FROM ward.audit_place p CROSS JOIN LATERAL (
        SELECT l.at, l.body, l.source FROM ward.audit_leaf l WHERE l.tenant = $1 AND l.id = p.leaf OFFSET 0) l
    WHERE p.tenant = $1 AND p.leaf = ANY ($2) AND l.source IS NOT NULL";

const ERASE: &str = "UPDATE ward.audit_leaf SET source = NULL WHERE tenant = $1 AND id = ANY ($2)";

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
        let mut addresses = Index::default();
        for row in &rows {
            let entry = entry(row)?;
            self.keys.address(&entry).iter().for_each(|word| addresses.find(word, entry.index));
        }
        for statement in index::forget(|sql| self.scoped(sql), &addresses) {
            statement.within(&self.conn).await?;
        }
        Ok(rows.len() as u64)
    }
}
