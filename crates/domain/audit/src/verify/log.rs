use std::ops::Range;

use chrono::NaiveDateTime;

use super::content::Content;
use super::difference::Difference;
use super::rows::{Row, Rows};
use super::tiles::{Hashes, bundle, hashes};
use super::{Place, Reason, Refuted, Source};
use crate::note::Checkpoint;
use crate::tree::{Hash, Tile, TileKind};

/// As many entries as a tile shows.
const WIDTH: u64 = Tile::WIDTH as u64;

/// What was seen of a log before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Remembered {
    /// How many entries it had, under which root.
    pub head: Checkpoint,
    /// The latest time that they said.
    pub latest: Option<NaiveDateTime>,
}

/// What a verified log holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Contents {
    /// The entries that were read.
    pub entries: Range<u64>,
    /// How many at the log's beginning aren't there, since it let go of them, as it says.
    pub pruned: u64,
    /// The earliest time that they say.
    pub first: Option<NaiveDateTime>,
    /// The latest time, of those remembered too.
    pub latest: Option<NaiveDateTime>,
}

/// Why a log isn't verified.
#[derive(Debug, thiserror::Error)]
pub enum Failure<E> {
    /// It was refused.
    #[error(transparent)]
    Refuted(#[from] Refuted),
    /// It couldn't be read.
    #[error(transparent)]
    Source(E),
}

impl Remembered {
    /// Whether a log that was seen so may have come to `head`, as far as their sizes and roots say.
    pub fn allows(&self, head: &Checkpoint) -> Result<(), Refuted> {
        let before = &self.head;
        match head.size.cmp(&before.size) {
            std::cmp::Ordering::Less => Err(Reason::RolledBack.into()),
            std::cmp::Ordering::Equal if head.root != before.root => Err(Reason::Forked.into()),
            _ => Ok(()),
        }
    }
}

/// Hashes the entries of a log anew and holds them against `signed`, whose signatures the caller has verified.
///
/// Entries that were there before are read too, if `from_start` says so; else the tree over them is taken from tiles of hashes, and
/// held against what is remembered. Memory: 16 bytes for each entry that is read, and a few tiles.
pub fn verify_log<S: Source>(
    source: &mut S,
    signed: &Checkpoint,
    remembered: Option<&Remembered>,
    from_start: bool,
) -> Result<Contents, Failure<S::Error>> {
    remembered.map_or(Ok(()), |before| before.allows(signed))?;
    let known = remembered.map_or(0, |before| before.head.size);
    let start = if from_start { 0 } else { known / WIDTH * WIDTH };
    let earlier = remembered.filter(|_| start > 0).and_then(|before| Some((known, before.latest?)));
    let mut walk = Walk {
        rows: open(source, start, signed.size)?,
        source,
        signed,
        before: remembered.map(|before| &before.head),
        content: Content::of(&signed.origin, earlier),
        claimed: None,
        has_forked: false,
        extra: None,
        wrong: None,
        kept: start,
    };
    walk.compare();
    let tiles = (start / WIDTH..).map_while(|index| Tile::within(TileKind::Hashes(0), index, signed.size));
    for tile in tiles {
        walk.tile(tile, tile.index * WIDTH)?;
    }
    walk.judge(start)
}

/// The tree of the first `start` entries, from the tiles of hashes above them.
fn open<S: Source>(source: &mut S, start: u64, size: u64) -> Result<Rows, Failure<S::Error>> {
    let mut above = Vec::new();
    for level in (1..=8).take_while(|level| start.checked_shr(8 * level).is_some_and(|hashes| hashes > 0)) {
        let hashes_here = start.checked_shr(8 * level).unwrap_or_default();
        let (index, open) = (hashes_here / WIDTH, (hashes_here % WIDTH) as usize);
        let mut row = Vec::new();
        if open > 0
            && let Some(tile) = Tile::within(TileKind::Hashes(level as u8), index, size)
        {
            let Hashes::Whole(mut hashes) = hashes(source, tile)? else {
                return Err(Refuted::at(Reason::Gap, Place::Tile(tile)).into());
            };
            hashes.truncate(open);
            row = hashes;
        }
        above.push(row);
    }
    Ok(Rows::of(start, above))
}

struct Walk<'a, S> {
    source: &'a mut S,
    signed: &'a Checkpoint,
    before: Option<&'a Checkpoint>,
    /// The tree of the entries.
    rows: Rows,
    /// The tree of the tiles of hashes, from where it is another one.
    claimed: Option<(Rows, Difference)>,
    content: Content,
    has_forked: bool,
    /// The first place behind which an entry stands that doesn't belong there.
    extra: Option<u64>,
    /// The first tile of hashes that isn't the tree's.
    wrong: Option<Refuted>,
    /// The first entry that is there, as far as whole tiles of them are missing at the beginning.
    kept: u64,
}

impl<S: Source> Walk<'_, S> {
    fn tile(&mut self, tile: Tile, start: u64) -> Result<(), Failure<S::Error>> {
        let Hashes::Whole(named) = hashes(self.source, tile)? else { return Err(self.lost(tile)?.into()) };
        let bundle = bundle(self.source, tile)?;
        if bundle.is_none() && tile.is_full() && self.kept == start {
            self.kept += WIDTH;
            return self.grow(start, &named);
        }
        let (entries, has_more) = match &bundle {
            Some(bundle) => bundle.entries(tile)?,
            None => (Vec::new(), false),
        };
        let leaves: Vec<_> = entries.iter().copied().map(Hash::leaf).collect();
        let entries = entries.iter().take(named.len());
        (start..).zip(entries).for_each(|(index, entry)| self.content.add(index, entry));
        if has_more {
            self.extra.get_or_insert(start + u64::from(tile.width));
        }
        self.compare_leaves(start, &leaves, &named);
        self.grow(start, leaves.get(..named.len()).unwrap_or(&leaves))
    }

    fn compare_leaves(&mut self, start: u64, leaves: &[Hash], named: &[Hash]) {
        if let Some((claimed, difference)) = &mut self.claimed {
            difference.follow(leaves, named);
            claimed.extend(named);
        } else if let Some((n, mut difference)) = Difference::first(start, leaves, named) {
            let after = |hashes: &[Hash]| hashes.get(n + 1..).unwrap_or_default().to_vec();
            difference.follow(&after(leaves), &after(named));
            let mut claimed = self.rows.clone();
            claimed.extend(named);
            self.claimed = Some((claimed, difference));
        }
    }

    /// Adds the entries of a tile to the tree, and looks at it on the way where it was seen before.
    fn grow(&mut self, start: u64, leaves: &[Hash]) -> Result<(), Failure<S::Error>> {
        if self.rows.size() != start {
            return Ok(()); // behind a missing entry
        }
        let known = self.before.and_then(|before| before.size.checked_sub(self.rows.size()));
        let known = known.and_then(|known| usize::try_from(known).ok()).unwrap_or_default();
        let (before, after) = leaves.split_at_checked(known).unwrap_or((leaves, &[]));
        let mut full = self.rows.extend(before);
        self.compare();
        full.extend(self.rows.extend(after));
        full.into_iter().try_for_each(|row| self.compare_tile(row))
    }

    /// Notes a fork where the tree has come to the size that it was seen with.
    fn compare(&mut self) {
        if let Some(before) = self.before.filter(|before| before.size == self.rows.size()) {
            self.has_forked |= before.root != self.rows.root();
        }
    }

    fn compare_tile(&mut self, (tile, computed): Row) -> Result<(), Failure<S::Error>> {
        if self.claimed.is_none() && self.wrong.is_none() {
            let reason = match hashes(self.source, tile)? {
                Hashes::Lost => Some(Reason::Gap),
                Hashes::Whole(hashes) => (hashes != computed).then_some(Reason::WrongTile),
            };
            self.wrong = reason.map(|reason| Refuted::at(reason, Place::Tile(tile)));
        }
        Ok(())
    }

    /// What it is that a tile of hashes isn't there: all behind it may be missing too.
    fn lost(&mut self, tile: Tile) -> Result<Refuted, Failure<S::Error>> {
        let last = Tile::within(tile.kind, (self.signed.size - 1) / WIDTH, self.signed.size);
        let reason = match last.map(|last| hashes(self.source, last)).transpose()? {
            Some(Hashes::Whole(_)) => Reason::Gap,
            _ => Reason::Truncated,
        };
        Ok(Refuted::at(reason, Place::Tile(tile)))
    }

    fn judge(mut self, start: u64) -> Result<Contents, Failure<S::Error>> {
        let open: Vec<_> = self.rows.open().collect();
        open.into_iter().try_for_each(|row| self.compare_tile(row))?;
        let missing = self.missing(start);
        if self.rows.size() != self.signed.size || self.rows.root() != self.signed.root {
            return Err(match self.claimed {
                Some((claimed, difference)) if claimed.root() == self.signed.root => {
                    missing.unwrap_or_else(|| difference.refuted())
                }
                _ => Reason::Altered.into(),
            }
            .into());
        }
        if self.has_forked {
            return Err(Refuted::from(Reason::Forked).into());
        }
        if let Some(missing) = missing {
            return Err(missing.into());
        }
        let pruned = if self.kept > start { self.kept } else { 0 };
        let (first, latest) = self.content.judge()?;
        if let Some(index) = self.extra {
            return Err(Refuted::at(Reason::Inserted, Place::Entry(index)).into());
        }
        let wrong = self.claimed.map(|(_, difference)| difference.in_tiles()).or(self.wrong);
        match wrong {
            Some(refuted) => Err(refuted.into()),
            None => Ok(Contents { entries: self.kept..self.signed.size, pruned, first, latest }),
        }
    }

    /// What is missing at the beginning though the log doesn't say that it let go of it.
    fn missing(&self, start: u64) -> Option<Refuted> {
        let first = self.content.pruned().max(start);
        let reason = if self.content.is_empty() { Reason::Truncated } else { Reason::Deleted };
        (self.kept > first).then(|| Refuted::at(reason, Place::Entry(first)))
    }
}
