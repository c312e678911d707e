use super::{Place, Reason, Refuted};
use crate::tree::Hash;

/// Where entries first differ from those that the tiles of hashes name, and what tells how.
#[derive(Debug)]
pub(super) struct Difference {
    index: u64,
    here: Option<Hash>,
    signed: Hash,
    /// Whether the entry that stands here was signed for a later place.
    belongs_later: bool,
    /// Whether the entry that was signed for this place stands at a later one.
    stands_later: bool,
    /// Whether any entry follows.
    ends_here: bool,
}

impl Difference {
    /// The first of a tile's entries that differs, or is missing.
    pub(super) fn first(start: u64, entries: &[Hash], signed: &[Hash]) -> Option<(usize, Self)> {
        let here = |n: usize| entries.get(n).copied();
        let (n, &signed) = signed.iter().enumerate().find(|(n, signed)| here(*n) != Some(**signed))?;
        let (index, here) = (start + n as u64, here(n));
        let difference = Self {
            index,
            here,
            signed,
            belongs_later: false,
            stands_later: false,
            ends_here: here.is_none(),
        };
        Some((n, difference))
    }

    /// Looks through what follows the difference.
    pub(super) fn follow(&mut self, entries: &[Hash], signed: &[Hash]) {
        self.belongs_later |= self.here.is_some_and(|here| signed.contains(&here));
        self.stands_later |= entries.contains(&self.signed);
        self.ends_here &= entries.is_empty();
    }

    /// What it is, where the entries are those that were signed.
    pub(super) fn in_tiles(&self) -> Refuted {
        Refuted::at(Reason::WrongTile, Place::Entry(self.index))
    }

    /// What it is, where the tiles of hashes are those that were signed.
    pub(super) fn refuted(&self) -> Refuted {
        let reason = match (self.here, self.belongs_later, self.stands_later) {
            (None, ..) if self.ends_here => Reason::Truncated,
            (None, _, true) | (_, true, true) => Reason::Reordered,
            (None, ..) | (_, true, false) => Reason::Deleted,
            (_, false, true) => Reason::Inserted,
            (_, false, false) => Reason::Edited,
        };
        Refuted::at(reason, Place::Entry(self.index))
    }
}
