//! Entries and hashes that are altered once they have their places.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection};
use ward::Logs as _;
use ward::audit::sequence::{FullTile, Growth, Head, Placed, SequenceError, Waiting, sequence};
use ward::audit::tree::{Hash, Run, StoredTree};
use ward::kernel::{EventId, StoreError, Uuid};

use crate::logs::Log;

#[tokio::test]
async fn nothing_is_signed_over_a_hash_that_was_altered_at_the_right_edge() {
    for size in [1, 2, 5, 8, 300] {
        let log = Log::of(size).await;
        let last = size - 1;
        log.tamper(&format!("UPDATE ward.audit_place SET hash = sha256(hash) WHERE index = {last}")).await;
        let refused = log.refused().await;
        assert!(
            matches!(refused, SequenceError::Diverged { size: found } if found == size as u64),
            "{refused:?}"
        );
        assert!(matches!(log.look_again(100).await, Err(SequenceError::Diverged { .. })));
    }
}

#[tokio::test]
async fn nothing_is_signed_over_a_place_that_is_gone() {
    for sql in
        ["DELETE FROM ward.audit_place WHERE index = 4", "DELETE FROM ward.audit_place WHERE index = 0"]
    {
        let log = Log::of(5).await;
        log.tamper(sql).await;
        assert!(matches!(log.refused().await, SequenceError::Diverged { size: 5 }), "{sql}");
    }
}

#[tokio::test]
async fn nothing_is_signed_over_a_tile_that_was_altered() {
    for sql in ["UPDATE ward.audit_tile SET root = sha256(root)", "DELETE FROM ward.audit_tile"] {
        let log = Log::of(300).await;
        assert_eq!(log.tamper(sql).await, 1);
        assert!(matches!(log.refused().await, SequenceError::Diverged { size: 300 }), "{sql}");
    }
}

/// What a step doesn't need, whoever looks again finds.
#[tokio::test]
async fn an_entry_that_was_altered_in_its_place_is_found_by_the_next_look() {
    let body =
        "UPDATE ward.audit_leaf l SET body = replace(body, 'success', 'denied') FROM ward.audit_place p";
    let at = "UPDATE ward.audit_leaf l SET at = at - interval '1 second' FROM ward.audit_place p";
    let gone = "DELETE FROM ward.audit_leaf l USING ward.audit_place p";
    for how in [body, at, gone] {
        for index in [0, 130, 255, 256, 299] {
            let log = Log::of(300).await;
            assert_eq!(log.look_again(100).await.unwrap().entries, 300);
            let done = log.tamper(&format!("{how} WHERE p.leaf = l.id AND p.index = {index}")).await;
            assert_eq!(done, 1);
            let found = log.look_again(100).await.unwrap_err();
            assert!(matches!(found, SequenceError::Rotten { .. }), "{how}: {found:?}");
        }
    }
}

#[tokio::test]
async fn a_tiles_hash_that_was_altered_is_found_by_the_next_look() {
    let log = Log::of(300).await;
    log.tamper("UPDATE ward.audit_tile SET hashes = overlay(hashes PLACING sha256('') FROM 32 * 77 + 1)")
        .await;
    let found = log.look_again(100).await.unwrap_err();
    assert!(matches!(found, SequenceError::Rotten { index: 77 }), "{found:?}");
}

/// Has the superuser alter what was just placed, before it is read again.
struct Undermined {
    inner: Box<dyn Growth>,
    root: PgConnection,
    sql: String,
}

#[async_trait]
impl StoredTree for Undermined {
    async fn hashes(&mut self, runs: &[Run]) -> Result<Vec<Vec<Hash>>, StoreError> {
        self.inner.hashes(runs).await
    }
}

#[async_trait]
impl Growth for Undermined {
    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        self.inner.head().await
    }

    async fn waiting(&mut self, most: u32) -> Result<Vec<Waiting>, StoreError> {
        self.inner.waiting(most).await
    }

    async fn place(&mut self, first: u64, leaves: &[Placed]) -> Result<(), StoreError> {
        self.inner.place(first, leaves).await?;
        let sql = format!("SET session_replication_role = replica; {}", self.sql);
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.root).await.map(drop).unwrap();
        Ok(())
    }

    async fn placed(&mut self, first: u64) -> Result<Vec<(String, Hash)>, StoreError> {
        self.inner.placed(first).await
    }

    async fn keep(&mut self, tiles: &[FullTile]) -> Result<(), StoreError> {
        self.inner.keep(tiles).await
    }

    async fn take_up(&mut self, most: u32) -> Result<(), StoreError> {
        self.inner.take_up(most).await
    }

    async fn reject(&mut self, leaves: &[EventId]) -> Result<(), StoreError> {
        self.inner.reject(leaves).await
    }

    async fn finish(self: Box<Self>, size: u64, head: &Head) -> Result<(), StoreError> {
        self.inner.finish(size, head).await
    }
}

#[tokio::test]
async fn nothing_is_signed_over_a_leaf_that_is_altered_while_it_gets_its_place() {
    for how in [
        "UPDATE ward.audit_leaf SET body = '{}'",
        "UPDATE ward.audit_leaf SET at = now()",
        "DELETE FROM ward.audit_leaf",
    ] {
        let log = Log::of(4).await;
        let leaves = log.write(3).await;
        let before = log.state().await;
        let (inner, keys) = log.w.store.grow(log.tenant, true).await.unwrap();
        let root = log.w.db.connect("postgres").await.unwrap();
        let sql = format!("{how} WHERE id = '{}'", Uuid::from(leaves[1]));
        let growth = Box::new(Undermined { inner, root, sql });
        let refused =
            sequence(growth, &*keys, ("ward.test/other", None), 1_000, chrono::Utc::now()).await.unwrap_err();
        assert!(matches!(refused, SequenceError::Rotten { index: 5 }), "{how}: {refused:?}");
        assert_eq!(log.state().await, before, "{how}");
    }
}
