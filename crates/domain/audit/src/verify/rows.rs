use crate::tree::{Hash, Tile, TileKind};

/// A growing tree, by the tiles that show it: of each level, the hashes of the one that is still open.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    size: u64,
    open: Vec<Vec<Hash>>,
}

/// A tile that was computed.
pub(super) type Row = (Tile, Vec<Hash>);

impl Rows {
    /// The tree of `size` leaves, a multiple of a tile's width, from the open tiles above them.
    pub(super) fn of(size: u64, mut above: Vec<Vec<Hash>>) -> Self {
        above.insert(0, Vec::new());
        Self { size, open: above }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Adds leaves, no more than the open tile has room for; answers with the tiles above them that it made full.
    pub(super) fn extend(&mut self, leaves: &[Hash]) -> Vec<Row> {
        self.size += leaves.len() as u64;
        let (mut full, mut level, mut added) = (Vec::new(), 0, leaves.to_vec());
        while !added.is_empty() {
            if self.open.len() <= level {
                self.open.push(Vec::new());
            }
            let Some(row) = self.open.get_mut(level) else { break };
            row.append(&mut added);
            if row.len() == usize::from(Tile::WIDTH) {
                added.extend(whole(row));
                let row = std::mem::take(row);
                if level > 0 {
                    full.push((self.tile(level, &row), row));
                }
            }
            level += 1;
        }
        full
    }

    /// The open tiles above the leaves.
    pub(super) fn open(&self) -> impl Iterator<Item = Row> {
        let above = self.open.iter().enumerate().skip(1).filter(|(_, row)| !row.is_empty());
        above.map(|(level, row)| (self.tile(level, row), row.clone()))
    }

    pub(super) fn root(&self) -> Hash {
        let peaks: Vec<_> = self.open.iter().rev().flat_map(|row| peaks(row)).collect();
        Hash::join(peaks.into_iter()).unwrap_or_else(Hash::empty)
    }

    /// The last tile of a level, whose hashes are `row`.
    fn tile(&self, level: usize, row: &[Hash]) -> Tile {
        let hashes = self.size.checked_shr(8 * level as u32).unwrap_or_default();
        let index = hashes.saturating_sub(1) / u64::from(Tile::WIDTH);
        Tile { kind: TileKind::Hashes(level as u8), index, width: row.len() as u16 }
    }
}

/// The hash over as many hashes as a power of two.
fn whole(hashes: &[Hash]) -> Option<Hash> {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        let pairs = row.chunks_exact(2);
        row =
            pairs.filter_map(|pair| pair.first().zip(pair.last())).map(|(l, r)| Hash::node(*l, *r)).collect();
    }
    row.first().copied()
}

/// The complete subtrees that hashes make up, from left to right.
fn peaks(mut row: &[Hash]) -> Vec<Hash> {
    let mut peaks = Vec::new();
    while let Some(height) = row.len().checked_ilog2() {
        let Some((left, right)) = row.split_at_checked(1 << height) else { break };
        peaks.extend(whole(left));
        row = right;
    }
    peaks
}
