//! One step of one log's growth: a transaction of its own, since placing what others wrote is no act of anybody.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::audit::entry::text;
use ward::audit::note::Checkpoint;
use ward::audit::sequence::{FullTile, Growth, Head, Placed, StoredLeaf, Waiting};
use ward::audit::tree::{Hash, Run, StoredTree};
use ward::kernel::{EventId, StoreError, TenantId};

use super::tree;
use super::words::Index;
use crate::connection::Connection;
use crate::error::failed;
use crate::scoped::Scoped;
use crate::turns::Shared;

const HEAD: &str =
    "SELECT origin, size, root, note, latest FROM ward.audit_head WHERE tenant = $1 FOR UPDATE";
const HEAD_NOW: &str =
    "SELECT origin, size, root, note, latest FROM ward.audit_head WHERE tenant = $1 FOR UPDATE NOWAIT";

const WAITING: &str = "
    SELECT u.first, w.id, l.at, l.body, l.mac, l.source,
        EXISTS (SELECT FROM ward.audit_place p WHERE p.tenant = $1 AND p.leaf = w.id) AS placed
    FROM ward.waiting_leaves($2) u CROSS JOIN LATERAL unnest(u.leaves) WITH ORDINALITY AS w (id, n) LEFT JOIN LATERAL (
        SELECT l.at, l.body, l.mac, l.source FROM ward.audit_leaf l WHERE l.tenant = $1 AND l.id = w.id OFFSET 0) l ON true
    ORDER BY u.first, w.n";

const PLACE: &str = "
    INSERT INTO ward.audit_place (tenant, index, leaf, hash)
    SELECT $1, $2 + p.n - 1, p.leaf, p.hash FROM unnest($3::uuid[], $4::bytea[]) WITH ORDINALITY AS p (leaf, hash, n)";

const INDEX: &str = "
    INSERT INTO ward.audit_word AS a (tenant, word, tile, hits, erasable)
    SELECT $1, w.word, w.tile, ('x' || w.hits)::bit(256), w.erasable
    FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::boolean[]) AS w (word, tile, hits, erasable)
    ON CONFLICT (tenant, word, tile) DO UPDATE SET hits = a.hits | excluded.hits";

const PLACED: &str = "
    SELECT p.hash, l.at, l.body FROM ward.audit_place p LEFT JOIN LATERAL (
        SELECT l.at, l.body FROM ward.audit_leaf l WHERE l.tenant = $1 AND l.id = p.leaf OFFSET 0) l ON true
    WHERE p.tenant = $1 AND p.index >= $2 ORDER BY p.index";

const KEEP: &str = "
    INSERT INTO ward.audit_tile (tenant, level, index, root, hashes, latest)
    SELECT $1, t.level, t.index, t.root, t.hashes, t.latest
    FROM unnest($2::smallint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::timestamptz[]) AS t (level, index, root, hashes, latest)";

/// Compare and swap: the head that was read is the one replaced.
const ADVANCE: &str = "
    INSERT INTO ward.audit_head AS h (tenant, origin, size, root, note, latest) SELECT $1, $3, $4, $5, $6, $7
    ON CONFLICT (tenant) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note, latest = excluded.latest
    WHERE h.size = $2 RETURNING size";

const WITNESSED: &str = "
    UPDATE ward.audit_head SET witnessed = $2, witnessed_size = $3
    WHERE tenant = $1 AND size >= $3 AND coalesce(witnessed_size <= $3, true)";

pub(crate) struct PgGrowth {
    conn: Connection,
    tenant: Uuid,
    patient: bool,
    /// The units of the leaves that were read.
    units: Vec<Uuid>,
    rejected: Vec<Uuid>,
}

impl PgGrowth {
    /// Begins a step. One that isn't patient gives up where another replica takes one.
    pub(crate) async fn begin(pool: &Shared, tenant: TenantId, patient: bool) -> Result<Self, StoreError> {
        let tenant = tenant.into();
        let conn = Connection::open(pool, tenant, true).await.map_err(failed)?;
        Ok(Self { conn, tenant, patient, units: Vec::new(), rejected: Vec::new() })
    }

    /// Keeps a head that witnesses have cosigned, unless there is a later one.
    pub(crate) async fn keep_witnessed(self, head: &Head) -> Result<(), StoreError> {
        let keep = self.scoped(WITNESSED).bind(head.note.clone()).bind(head.checkpoint.size.cast_signed());
        keep.within(&self.conn).await?;
        commit(self.conn).await
    }

    fn scoped(&self, sql: &'static str) -> Scoped {
        Scoped::new(self.tenant, sql)
    }
}

#[async_trait]
impl StoredTree for PgGrowth {
    async fn hashes(&mut self, runs: &[Run]) -> Result<Vec<Vec<Hash>>, StoreError> {
        tree::read(&tree::hashes(|sql| self.scoped(sql), runs).within(&self.conn).await?)
    }
}

#[async_trait]
impl Growth for PgGrowth {
    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        let rows = self.scoped(if self.patient { HEAD } else { HEAD_NOW }).within(&self.conn).await?;
        rows.first().map(head).transpose()
    }

    async fn waiting(&mut self, most: u32) -> Result<Vec<Waiting>, StoreError> {
        let rows = self.scoped(WAITING).bind(most.cast_signed()).within(&self.conn).await?;
        self.units = rows.iter().map(|row| row.try_get("first").map_err(failed)).collect::<Result<_, _>>()?;
        self.units.dedup();
        rows.iter().map(|row| waiting(row).map_err(failed)).collect()
    }

    async fn place(&mut self, first: u64, leaves: &[Placed]) -> Result<(), StoreError> {
        let place = self.scoped(PLACE).bind(first.cast_signed());
        let place = place.bind(leaves.iter().map(|leaf| Uuid::from(leaf.id)).collect::<Vec<_>>());
        let place = place.bind(leaves.iter().map(|leaf| leaf.hash.0.to_vec()).collect::<Vec<_>>());
        place.within(&self.conn).await.map_err(raced)?;
        let found =
            (first..).zip(leaves).flat_map(|(place, leaf)| leaf.words.iter().map(move |word| (place, word)));
        let Index { words, tiles, hits, erasable } = Index::of(found);
        let index = self.scoped(INDEX).bind(words).bind(tiles).bind(hits).bind(erasable);
        index.within(&self.conn).await.map(drop)
    }

    async fn placed(&mut self, first: u64) -> Result<Vec<(String, Hash)>, StoreError> {
        let rows = self.scoped(PLACED).bind(first.cast_signed()).within(&self.conn).await?;
        rows.iter().map(stored).collect()
    }

    async fn keep(&mut self, tiles: &[FullTile]) -> Result<(), StoreError> {
        let bytes = |hashes: &[Hash]| hashes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>();
        let keep = self.scoped(KEEP);
        let keep = keep.bind(tiles.iter().map(|tile| i16::from(tile.level)).collect::<Vec<_>>());
        let keep = keep.bind(tiles.iter().map(|tile| tile.index.cast_signed()).collect::<Vec<_>>());
        let keep = keep.bind(tiles.iter().map(|tile| tile.root.0.to_vec()).collect::<Vec<_>>());
        let keep = keep.bind(tiles.iter().map(|tile| bytes(&tile.hashes)).collect::<Vec<_>>());
        let keep = keep.bind(tiles.iter().map(|tile| tile.latest).collect::<Vec<_>>());
        keep.within(&self.conn).await.map(drop)
    }

    async fn reject(&mut self, leaves: &[EventId]) -> Result<(), StoreError> {
        self.rejected.extend(leaves.iter().copied().map(Uuid::from));
        Ok(())
    }

    async fn finish(self: Box<Self>, size: u64, head: &Head) -> Result<(), StoreError> {
        let Checkpoint { origin, size: grown, root } = &head.checkpoint;
        let advance = self.scoped(ADVANCE).bind(size.cast_signed()).bind(origin.clone());
        let advance = advance.bind(grown.cast_signed()).bind(root.0.to_vec());
        let advanced = advance.bind(head.note.clone()).bind(head.latest).within(&self.conn).await?;
        if advanced.is_empty() {
            return Err(StoreError::Raced("another replica let the log grow".into()));
        }
        let placed = sqlx::query("SELECT ward.leaves_placed($1, $2)").bind(self.units).bind(self.rejected);
        self.conn.fetch(placed).await.map_err(failed).map_err(raced)?;
        commit(self.conn).await
    }
}

pub(super) async fn commit(conn: Connection) -> Result<(), StoreError> {
    match conn.commit().await {
        Ok(true) => Ok(()),
        Ok(false) => Err(StoreError::Poisoned),
        Err(error) => Err(failed(error)),
    }
}

pub(super) fn head(row: &PgRow) -> Result<Head, StoreError> {
    let origin = row.try_get("origin").map_err(failed)?;
    let (size, root) = (tree::number(row, "size")?, tree::hash(row, "audit_head", "root")?);
    let (note, latest) = (row.try_get("note").map_err(failed)?, row.try_get("latest").map_err(failed)?);
    Ok(Head { checkpoint: Checkpoint { origin, size, root }, note, latest })
}

fn waiting(row: &PgRow) -> Result<Waiting, sqlx::Error> {
    let at = row.try_get::<Option<_>, _>("at")?;
    let leaf = |at| {
        let (body, mac) = (row.try_get("body")?, row.try_get("mac")?);
        Ok::<_, sqlx::Error>(StoredLeaf { at, body, mac, source: row.try_get("source")? })
    };
    let (id, placed) = (row.try_get::<Uuid, _>("id")?.into(), row.try_get("placed")?);
    Ok(Waiting { id, placed, leaf: at.map(leaf).transpose()? })
}

/// A place that is taken was given by another step.
fn raced(error: StoreError) -> StoreError {
    if matches!(error, StoreError::Taken { .. }) { StoreError::Raced(Box::new(error)) } else { error }
}

/// An entry whose leaf is gone has no text.
fn stored(row: &PgRow) -> Result<(String, Hash), StoreError> {
    let at: Option<DateTime<Utc>> = row.try_get("at").map_err(failed)?;
    let body: Option<&str> = row.try_get("body").map_err(failed)?;
    let text = at.zip(body).map(|(at, body)| text(at, body)).unwrap_or_default();
    Ok((text, tree::hash(row, "audit_place", "hash")?))
}
