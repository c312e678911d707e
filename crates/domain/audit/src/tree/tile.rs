use std::fmt;
use std::str::FromStr;

/// Up to 256 hashes, or entries, that stand beside each other; written as the path under which it is served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tile {
    /// What it holds.
    pub kind: TileKind,
    /// Which one, from the left.
    pub index: u64,
    /// How much it holds: 1 to 256.
    pub width: u16,
}

/// What a tile holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TileKind {
    /// Entries, each behind its length in two bytes.
    Entries,
    /// Hashes of subtrees with 256^level leaves.
    Hashes(u8),
}

/// Not the path of a tile.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not the path of a tile")]
pub struct InvalidTile;

impl Tile {
    /// What a full one holds.
    pub const WIDTH: u16 = 256;
    /// Eight levels of the tree fit into a tile, so 2^64 leaves have eight levels of tiles.
    const LEVELS: u8 = 8;

    /// The tile of this kind and index, as wide as it is in a tree of `size` leaves; nothing, if it isn't there yet.
    pub fn within(kind: TileKind, index: u64, size: u64) -> Option<Self> {
        let level = match kind {
            TileKind::Entries => 0,
            TileKind::Hashes(level) => level,
        };
        let hashes = size.checked_shr(u32::from(level) * 8)?;
        let width =
            hashes.checked_sub(index.checked_mul(u64::from(Self::WIDTH))?)?.min(u64::from(Self::WIDTH));
        (width > 0).then_some(Self { kind, index, width: width as u16 })
    }

    /// Whether nothing will ever be added to it.
    pub fn is_full(&self) -> bool {
        self.width == Self::WIDTH
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Entries => f.write_str("entries")?,
            TileKind::Hashes(level) => write!(f, "{level}")?,
        }
        let digits = self.index.to_string();
        let digits = format!("{:0>width$}", digits, width = digits.len().div_ceil(3) * 3);
        for (n, three) in digits.as_bytes().chunks(3).enumerate() {
            let last = (n + 1) * 3 == digits.len();
            write!(f, "/{}{}", if last { "" } else { "x" }, String::from_utf8_lossy(three))?;
        }
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for Tile {
    type Err = InvalidTile;

    fn from_str(path: &str) -> Result<Self, InvalidTile> {
        let tile = parse(path).ok_or(InvalidTile)?;
        // One way to write it: what is served can be kept by its path.
        if tile.to_string() == path { Ok(tile) } else { Err(InvalidTile) }
    }
}

fn parse(path: &str) -> Option<Tile> {
    let (path, width) = match path.rsplit_once(".p/") {
        Some((path, width)) => (path, width.parse().ok().filter(|width| (1..Tile::WIDTH).contains(width))?),
        None => (path, Tile::WIDTH),
    };
    let (kind, index) = path.split_once('/')?;
    let kind = match kind {
        "entries" => TileKind::Entries,
        level => TileKind::Hashes(level.parse().ok().filter(|&level| level < Tile::LEVELS)?),
    };
    let digits: String = index.split('/').map(|three| three.trim_start_matches('x')).collect();
    Some(Tile { kind, index: digits.parse().ok()?, width })
}
