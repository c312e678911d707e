use std::ops::Range;

use super::Hash;

/// A complete subtree: the `index`-th of those with 2^`level` leaves.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Node {
    /// How high it is; leaves are at 0.
    pub level: u8,
    /// Which one, from the left.
    pub index: u64,
}

/// Which subtrees a proof consists of, from the leaf's side to the root's.
///
/// A subtree at the right edge may be incomplete: it consists of several complete ones, and only those need be stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Path(Vec<Range<u64>>);

impl Path {
    /// Of the proof that leaf `index` is in the tree of `size` leaves.
    pub fn inclusion(index: u64, size: u64) -> Option<Self> {
        let mut path = Vec::new();
        let (mut whole, leaf) = (0..size, index);
        if !whole.contains(&leaf) {
            return None;
        }
        while let Some((left, right)) = halves(&whole) {
            let (here, beside) = if left.contains(&leaf) { (left, right) } else { (right, left) };
            path.push(beside);
            whole = here;
        }
        path.reverse();
        Some(Self(path))
    }

    /// Of the proof that the tree of `from` leaves is the beginning of that of `to`. Nothing need be shown of an empty tree,
    /// nor of the same one.
    pub fn consistency(from: u64, to: u64) -> Option<Self> {
        let mut path = Vec::new();
        if from > to {
            return None;
        }
        let mut whole = 0..to;
        while from > 0 && whole.end != from {
            let Some((left, right)) = halves(&whole) else { break };
            let (here, beside) = if from <= left.end { (left, right) } else { (right, left) };
            path.push(beside);
            whole = here;
        }
        if from > 0 && whole.start > 0 {
            path.push(whole);
        }
        path.reverse();
        Some(Self(path))
    }

    /// Of the root of a tree of `size` leaves: one hash, unless it is empty.
    pub fn root(size: u64) -> Self {
        Self((size > 0).then_some(0..size).into_iter().collect())
    }

    /// The complete subtrees to know, of the whole path.
    pub fn nodes(&self) -> impl Iterator<Item = Node> {
        self.0.iter().cloned().flat_map(complete)
    }

    /// The hashes of the proof, from those of complete subtrees; nothing, if one of them isn't known.
    pub fn hashes(&self, mut hash: impl FnMut(Node) -> Option<Hash>) -> Option<Vec<Hash>> {
        let mut joined = |leaves: &Range<u64>| {
            let parts = complete(leaves.clone()).map(&mut hash).collect::<Option<Vec<_>>>()?;
            Hash::join(parts.into_iter())
        };
        self.0.iter().map(&mut joined).collect()
    }

    pub(super) fn peaks(size: u64) -> impl Iterator<Item = Node> {
        complete(0..size)
    }
}

/// A tree of more than one leaf, where RFC 6962 splits it: at the largest power of two below its size.
fn halves(leaves: &Range<u64>) -> Option<(Range<u64>, Range<u64>)> {
    let last = leaves.end.checked_sub(leaves.start)?.checked_sub(1)?;
    let middle = leaves.start + (1 << last.checked_ilog2()?);
    Some((leaves.start..middle, middle..leaves.end))
}

/// The complete subtrees that leaves consist of, from left to right.
fn complete(mut leaves: Range<u64>) -> impl Iterator<Item = Node> {
    std::iter::from_fn(move || {
        let most = leaves.end.checked_sub(leaves.start)?.checked_ilog2()?;
        let level = most.min(leaves.start.trailing_zeros());
        let index = leaves.start >> level;
        leaves.start += 1 << level;
        Some(Node { level: level as u8, index })
    })
}
