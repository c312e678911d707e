//! A stored log, looked at again: whether it still is what was signed.

use std::ops::Range;

use crate::log::LogView;
use crate::sequence::{Head, LogKeys, SequenceError, check};
use crate::tree::{Hash, Path, Run, Tile, TileKind, follow, verify_inclusion};

/// Hashes the entries anew that the tiles of `tiles` hold, and follows each tile up to the signed head. `seen` is the last head that
/// the caller knows of. Says how many entries were looked at: an error is what is wrong.
pub async fn inspect(
    log: &mut (impl LogView + ?Sized),
    keys: &dyn LogKeys,
    seen: Option<&Head>,
    tiles: Range<u64>,
) -> Result<u64, SequenceError> {
    let head = log.head().await?;
    let origin = head.as_ref().or(seen).map_or("", |head| &head.checkpoint.origin);
    let known = if origin.is_empty() { Vec::new() } else { keys.verifiers(origin)? };
    check(log, head.as_ref(), seen, &known).await?;
    let Some(head) = head else { return Ok(0) };
    let mut entries = 0;
    for index in tiles {
        let tile = Tile::within(TileKind::Hashes(0), index, head.checkpoint.size);
        let Some(tile) = tile else { break };
        rehash(log, &head, tile).await?;
        entries += u64::from(tile.width);
    }
    Ok(entries)
}

async fn rehash(log: &mut (impl LogView + ?Sized), head: &Head, tile: Tile) -> Result<(), SequenceError> {
    let first = tile.index * u64::from(Tile::WIDTH);
    let (size, root) = (head.checkpoint.size, head.checkpoint.root);
    let texts = log.texts(first, tile.width).await?;
    let hashes = log.hashes(&[Run::tile(0, tile.index, tile.width)]).await?.pop().unwrap_or_default();
    let entries = (first..first + u64::from(tile.width)).zip(&hashes);
    for (n, (index, hash)) in entries.enumerate() {
        if texts.get(n).is_none_or(|text| Hash::leaf(text.as_bytes()) != *hash) {
            return Err(SequenceError::Rotten { index });
        }
    }
    let path = match Path::inclusion(first, size) {
        Some(path) => follow(log, &path).await?,
        None => None,
    };
    let leads = |path: Vec<Hash>| verify_inclusion(*hashes.first()?, (first, size), &path, root).ok();
    if hashes.len() == usize::from(tile.width) && path.and_then(leads).is_some() {
        Ok(())
    } else {
        Err(SequenceError::Diverged { size })
    }
}
