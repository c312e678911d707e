use super::{Hash, Node, Path};

/// The right edge of a tree: all that it takes to let it grow and to know its root.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Frontier {
    size: u64,
    /// The complete subtrees that make up the tree, from left to right.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// That of a tree of `size` leaves, whose complete subtrees `hash` knows: see [`Path::root`].
    pub fn of(size: u64, hash: impl FnMut(Node) -> Option<Hash>) -> Option<Self> {
        let peaks = Path::peaks(size).map(hash).collect::<Option<_>>()?;
        Some(Self { size, peaks })
    }

    /// Adds the hash of a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let joined = self.size.trailing_ones() as usize;
        let below = self.peaks.split_off(self.peaks.len().saturating_sub(joined));
        self.peaks.push(below.into_iter().rev().fold(leaf, |right, left| Hash::node(left, right)));
        self.size += 1;
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hash of the tree.
    pub fn root(&self) -> Hash {
        Hash::join(self.peaks.iter().copied()).unwrap_or_else(Hash::empty)
    }
}

impl Extend<Hash> for Frontier {
    fn extend<T: IntoIterator<Item = Hash>>(&mut self, leaves: T) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}
