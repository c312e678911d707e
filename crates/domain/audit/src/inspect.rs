//! A stored log, looked at again: whether it still is what was signed, and whether what finds its entries finds them.

use std::ops::Range;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ward_kernel::{EventId, StoreError};

use crate::entry::Entry;
use crate::index::Index;
use crate::keeping::Pruned;
use crate::log::{LogView, Start};
use crate::note::Checkpoint;
use crate::search::Words;
use crate::sequence::{Head, LogKeys, SequenceError, check};
use crate::tree::{Hash, Path, Run, Tile, TileKind, follow, verify_inclusion};

/// Port: what is stored of the reader's own log besides its tree.
#[async_trait]
pub trait StoredLog: LogView {
    /// The entries in `count` places from `first` on; fewer, where some are gone.
    async fn placed(&mut self, first: u64, count: u16) -> Result<Vec<Entry>, StoreError>;

    /// What the index says of a tile.
    async fn indexed(&mut self, tile: u64) -> Result<Index, StoreError>;

    /// What is stored as the latest time of all entries up to the end of a tile, if it is full.
    async fn latest(&mut self, tile: u64) -> Result<Option<DateTime<Utc>>, StoreError>;

    /// Whether something stands where there is no entry yet.
    async fn is_overgrown(&mut self) -> Result<bool, StoreError>;

    /// Leaves that were set aside because they weren't what was written.
    async fn rejected(&mut self) -> Result<Vec<EventId>, StoreError>;
}

/// Hashes the entries anew that the tiles of `tiles` hold, and those of the last tile, follows each tile up to the signed head, and
/// holds against the entries what finds them. `seen` is the last head that the caller knows of. Gives what the index lacks, to be put
/// back; all else that is wrong is an error.
pub async fn inspect(
    log: &mut (impl StoredLog + ?Sized),
    keys: &dyn LogKeys,
    seen: Option<&Head>,
    tiles: Range<u64>,
) -> Result<Index, SequenceError> {
    let start = log.start().await?; // before the head, which then stands for what it says
    let head = log.head().await?;
    let origin = head.as_ref().or(seen).map_or("", |head| &head.checkpoint.origin);
    let known = if origin.is_empty() { Vec::new() } else { keys.verifiers(origin)? };
    check(log, head.as_ref(), seen, &known).await?;
    if log.is_overgrown().await? {
        return Err(SequenceError::Overgrown);
    }
    let Some(head) = head else { return Ok(Index::default()) };
    if let Some(start) = start {
        is_said(log, &head.checkpoint, start).await?;
    }
    let size = head.checkpoint.size;
    let last = size.saturating_sub(1) / TILE;
    let mut look = Look { log, keys, head: &head, lacking: Index::default() };
    let mut latest = look.tiles(tiles.clone()).await?;
    if !tiles.contains(&last) {
        latest = look.tiles(last..last + 1).await?;
    }
    if latest == head.latest { Ok(look.lacking) } else { Err(SequenceError::Misdated { size }) }
}

/// Whether an entry of the log, which its head stands for, says that it begins there, over no other tree than this one.
async fn is_said(
    log: &mut (impl StoredLog + ?Sized),
    head: &Checkpoint,
    Start { first, entry }: Start,
) -> Result<(), SequenceError> {
    let (place, text) = log.located(entry).await?.unwrap_or_default();
    let (place, leaf) = (place.unwrap_or(head.size), Hash::leaf(text.as_bytes()));
    let path = match Path::inclusion(place, head.size) {
        Some(path) => follow(log, &path).await?,
        None => None,
    };
    let is_in = |path: Vec<Hash>| verify_inclusion(leaf, (place, head.size), &path, head.root).is_ok();
    let said = Pruned::read(text.as_bytes());
    if path.is_some_and(is_in) && said.is_some() && said == Pruned::of(log, first).await? {
        Ok(())
    } else {
        Err(SequenceError::Unsaid { first })
    }
}

const TILE: u64 = Tile::WIDTH as u64;

struct Look<'l, L: ?Sized> {
    log: &'l mut L,
    keys: &'l dyn LogKeys,
    head: &'l Head,
    lacking: Index,
}

impl<L: StoredLog + ?Sized> Look<'_, L> {
    /// Gives the latest time of all entries up to the end of these tiles.
    async fn tiles(&mut self, tiles: Range<u64>) -> Result<DateTime<Utc>, SequenceError> {
        let before = match tiles.start.checked_sub(1) {
            Some(before) => self.log.latest(before).await?,
            None => None,
        };
        let mut latest = before.unwrap_or(DateTime::UNIX_EPOCH);
        for index in tiles {
            let tile = Tile::within(TileKind::Hashes(0), index, self.head.checkpoint.size);
            let Some(tile) = tile else { break };
            latest = self.tile(tile, latest).await?;
        }
        Ok(latest)
    }

    async fn tile(&mut self, tile: Tile, before: DateTime<Utc>) -> Result<DateTime<Utc>, SequenceError> {
        let entries = self.rehash(tile).await?;
        let latest = entries.iter().map(|entry| entry.at).fold(before, DateTime::max);
        if tile.is_full() && self.log.latest(tile.index).await? != Some(latest) {
            return Err(SequenceError::Misdated { size: (tile.index + 1) * TILE });
        }
        let found = self.find_lasting(tile, entries).await?;
        if !found.extra.is_empty() {
            return Err(SequenceError::Misfound { index: tile.index * TILE });
        }
        self.lacking.add(found.lacking);
        Ok(latest)
    }

    /// The entries of a tile, which are those that it was signed with.
    async fn rehash(&mut self, tile: Tile) -> Result<Vec<Entry>, SequenceError> {
        let first = tile.index * TILE;
        let (size, root) = (self.head.checkpoint.size, self.head.checkpoint.root);
        let entries = self.log.placed(first, tile.width).await?;
        let run = Run::tile(0, tile.index, tile.width);
        let hashes = self.log.hashes(&[run]).await?.pop().unwrap_or_default();
        let is_right = |index, hash: Hash, entry: &Entry| {
            entry.index == index && entry.hash == hash && !entry.is_altered()
        };
        for (n, (index, hash)) in (first..).zip(&hashes).enumerate() {
            if !entries.get(n).is_some_and(|entry| is_right(index, *hash, entry)) {
                return Err(SequenceError::Rotten { index });
            }
        }
        let path = match Path::inclusion(first, size) {
            Some(path) => follow(self.log, &path).await?,
            None => None,
        };
        let leads = |path: Vec<Hash>| verify_inclusion(*hashes.first()?, (first, size), &path, root).ok();
        if hashes.len() == usize::from(tile.width) && path.and_then(leads).is_some() {
            Ok(entries)
        } else {
            Err(SequenceError::Diverged { size })
        }
    }

    /// Holds the index against what it must say of a tile, until that is right or stays as it is: from where requests came may be erased in
    /// between, here and there at once, of each entry once.
    async fn find_lasting(&mut self, tile: Tile, entries: Vec<Entry>) -> Result<Found, SequenceError> {
        let mut found = self.find(tile, &entries).await?;
        for _ in 0..tile.width {
            if found.is_right() {
                break;
            }
            let before = found;
            let entries = self.rehash(tile).await?;
            found = self.find(tile, &entries).await?;
            if found == before {
                break;
            }
        }
        Ok(found)
    }

    /// Holds the index against what it must say of a tile.
    async fn find(&mut self, tile: Tile, entries: &[Entry]) -> Result<Found, StoreError> {
        let first = tile.index * TILE;
        let words = entries.iter().map(|entry| Words::of(&entry.said, self.keys.address(entry)));
        let right = Index::of(first, &words.collect::<Vec<_>>());
        let stored = self.log.indexed(tile.index).await?.below(first + u64::from(tile.width));
        Ok(Found { lacking: right.without(&stored), extra: stored.without(&right) })
    }
}

/// How the index of a tile differs from what it must be.
#[derive(Eq, PartialEq)]
struct Found {
    lacking: Index,
    extra: Index,
}

impl Found {
    fn is_right(&self) -> bool {
        self.lacking.is_empty() && self.extra.is_empty()
    }
}
