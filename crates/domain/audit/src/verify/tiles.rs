use super::{Failure, Place, Reason, Refuted};
use crate::tree::{Hash, Tile, TileKind};

/// Port: where a log is read from that is laid out as [tlog-tiles](https://c2sp.org/tlog-tiles).
pub trait Source {
    /// Why it can't be read.
    type Error;

    /// What lies at `path`, such as `tile/0/000`; nothing, if it isn't there. Not more than `most` bytes and one need be read.
    fn read(&mut self, path: &str, most: usize) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// The longest entry.
const LONGEST: usize = u16::MAX as usize;

/// What one tile of hashes brings.
pub(super) enum Hashes {
    Whole(Vec<Hash>),
    /// It is missing, or too short.
    Lost,
}

/// The tile of hashes, as wide as it was asked for.
pub(super) fn hashes<S: Source>(source: &mut S, tile: Tile) -> Result<Hashes, Failure<S::Error>> {
    let length = usize::from(tile.width) * 32;
    let Some(Bytes { bytes, is_exact }) = read(source, tile, usize::from(Tile::WIDTH) * 32)? else {
        return Ok(Hashes::Lost);
    };
    if is_exact && bytes.len() > length {
        return Err(malformed(tile).into());
    }
    let Some(bytes) = bytes.get(..length) else { return Ok(Hashes::Lost) };
    let (hashes, _) = bytes.as_chunks::<32>();
    Ok(Hashes::Whole(hashes.iter().copied().map(Hash).collect()))
}

/// What lies in the place of a tile.
pub(super) struct Bytes {
    bytes: Vec<u8>,
    /// Whether it is no wider than the tile.
    is_exact: bool,
}

/// The entries beside the tile of their hashes; nothing, if they aren't there.
pub(super) fn bundle<S: Source>(source: &mut S, tile: Tile) -> Result<Option<Bytes>, Failure<S::Error>> {
    let tile = Tile { kind: TileKind::Entries, ..tile };
    read(source, tile, usize::from(Tile::WIDTH) * (LONGEST + 2))
}

impl Bytes {
    /// Its entries, where it is a bundle of them; and whether there are more than the tile shows.
    pub(super) fn entries(&self, tile: Tile) -> Result<(Vec<&[u8]>, bool), Refuted> {
        let entries = split(&self.bytes).ok_or(malformed(Tile { kind: TileKind::Entries, ..tile }))?;
        let has_more = self.is_exact && entries.len() > usize::from(tile.width);
        Ok((entries, has_more))
    }
}

/// Takes a bundle of entries apart, each of which stands behind its length in two bytes.
pub fn split(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::with_capacity(usize::from(Tile::WIDTH));
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bundle = rest;
    }
    Some(entries)
}

/// The tile, or the full one that has taken its place.
fn read<S: Source>(source: &mut S, tile: Tile, most: usize) -> Result<Option<Bytes>, Failure<S::Error>> {
    let mut at = |tile: Tile| source.read(&format!("tile/{tile}"), most).map_err(Failure::Source);
    Ok(match at(tile)? {
        Some(bytes) => Some(Bytes { bytes, is_exact: true }),
        None if tile.is_full() => None,
        None => at(Tile { width: Tile::WIDTH, ..tile })?.map(|bytes| Bytes { bytes, is_exact: false }),
    })
}

fn malformed(tile: Tile) -> Refuted {
    Refuted::at(Reason::Malformed, Place::Tile(tile))
}
