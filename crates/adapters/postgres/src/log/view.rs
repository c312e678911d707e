//! The log, served as a tree.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::audit::entry::text;
use ward::audit::log::{LogView, Start};
use ward::audit::note::{Checkpoint, Note};
use ward::audit::sequence::Head;
use ward::kernel::{EventId, StoreError};

use super::growth::head;
use super::tree::number;
use crate::error::failed;
use crate::reading::PgReading;

const HEAD: &str = "SELECT origin, size, root, note, latest FROM ward.audit_head WHERE tenant = $1";

const WITNESSED: &str = "
    SELECT witnessed AS note, latest FROM ward.audit_head WHERE tenant = $1 AND witnessed IS NOT NULL";

const LOCATED: &str = "
    SELECT p.index, l.at, l.body FROM ward.audit_leaf l LEFT JOIN ward.audit_place p ON p.tenant = $1 AND p.leaf = $2
    WHERE l.tenant = $1 AND l.id = $2 AND NOT EXISTS (SELECT FROM ward.audit_start s WHERE s.tenant = $1 AND s.first > p.index)";

const TEXTS: &str = "
    SELECT p.index, l.at, l.body FROM ward.audit_place p CROSS JOIN LATERAL (
        SELECT l.at, l.body FROM ward.audit_leaf l WHERE l.tenant = $1 AND l.id = p.leaf OFFSET 0) l
    WHERE p.tenant = $1 AND p.index >= $2 AND p.index < $2 + $3 ORDER BY p.index";

const START: &str = "SELECT s.first, s.entry FROM ward.audit_start s WHERE s.tenant = $1";

#[async_trait]
impl LogView for PgReading {
    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        let rows = self.scoped(HEAD).through(&self.gate).await?;
        rows.first().map(head).transpose()
    }

    async fn witnessed(&mut self) -> Result<Option<Head>, StoreError> {
        let rows = self.scoped(WITNESSED).through(&self.gate).await?;
        let corrupt = |_| StoreError::Corrupt { table: "audit_head", column: "witnessed" };
        let head = |row: &PgRow| {
            let note: String = row.try_get("note").map_err(failed)?;
            let checkpoint = Note::parse(&note).and_then(|note| Checkpoint::parse(&note)).map_err(corrupt)?;
            Ok(Head { checkpoint, note, latest: row.try_get("latest").map_err(failed)? })
        };
        rows.first().map(head).transpose()
    }

    async fn located(&mut self, id: EventId) -> Result<Option<(Option<u64>, String)>, StoreError> {
        let rows = self.scoped(LOCATED).bind(Uuid::from(id)).through(&self.gate).await?;
        let located = |row: &PgRow| {
            let index: Option<i64> = row.try_get("index").map_err(failed)?;
            Ok((index.map(i64::cast_unsigned), written(row)?))
        };
        rows.first().map(located).transpose()
    }

    async fn texts(&mut self, first: u64, count: u16) -> Result<Vec<String>, StoreError> {
        let texts = self.scoped(TEXTS).bind(first.cast_signed()).bind(i64::from(count));
        texts.through(&self.gate).await?.iter().map(written).collect()
    }

    async fn start(&mut self) -> Result<Option<Start>, StoreError> {
        let rows = self.scoped(START).through(&self.gate).await?;
        let start = |row: &PgRow| {
            let entry: Uuid = row.try_get("entry").map_err(failed)?;
            Ok(Start { first: number(row, "first")?, entry: entry.into() })
        };
        rows.first().map(start).transpose()
    }
}

fn written(row: &PgRow) -> Result<String, StoreError> {
    let body: &str = row.try_get("body").map_err(failed)?;
    Ok(text(row.try_get("at").map_err(failed)?, body))
}
