//! In which entries words occur: a bit for each of the 256 entries of a tile.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::search::Words;
use crate::tree::Tile;

const TILE: u64 = Tile::WIDTH as u64;

/// A word, as it is indexed: by a part of its digest, since what is found is looked at anyway.
pub fn code(word: &str) -> i64 {
    let digest: [u8; 32] = Sha256::digest(word).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Which entries of a tile, the first in the highest bit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Hits([u64; 4]);

/// The hits of words in tiles: of each [`code`] in each tile where it occurs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Index {
    found: BTreeMap<(i64, u64), Hits>,
    /// The codes of addresses, whose hits go when where an entry came from is erased.
    erasable: BTreeSet<i64>,
}

impl Hits {
    fn add(&mut self, entry: u8) {
        if let Some(part) = self.0.get_mut(usize::from(entry / 64)) {
            *part |= 1 << (63 - entry % 64);
        }
    }

    /// All entries before this one.
    pub fn below(entry: u64) -> Self {
        let part = |n: u64| match entry.saturating_sub(64 * n) {
            0 => 0,
            some @ 1..64 => !(u64::MAX >> some),
            _ => u64::MAX,
        };
        Self([0, 1, 2, 3].map(part))
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.with(other, |part, other| part & other)
    }

    /// Those that aren't in `other`.
    fn without(self, other: Self) -> Self {
        self.with(other, |part, other| part & !other)
    }

    fn with(mut self, other: Self, join: fn(u64, u64) -> u64) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(part, other)| *part = join(*part, other));
        self
    }

    /// Reads 256 digits, each 0 or 1.
    pub fn read(digits: &str) -> Self {
        let mut hits = Self::default();
        let ones = (0..=u8::MAX).zip(digits.bytes()).filter(|(_, digit)| *digit == b'1');
        ones.for_each(|(entry, _)| hits.add(entry));
        hits
    }

    /// The entries, the last first.
    pub fn entries(self) -> impl Iterator<Item = u8> {
        let is_hit = move |entry: &u8| {
            self.0.get(usize::from(entry / 64)).is_some_and(|part| part >> (63 - entry % 64) & 1 == 1)
        };
        (0..=u8::MAX).rev().filter(is_hit)
    }

    /// Writes 64 digits in hexadecimal.
    pub fn hex(self) -> String {
        self.0.iter().map(|part| format!("{part:016x}")).collect()
    }
}

impl Index {
    /// That of entries with these words, which stand beside each other from place `first` on.
    pub fn of<'w>(first: u64, words: impl IntoIterator<Item = &'w Words>) -> Self {
        let mut index = Self::default();
        for (place, words) in (first..).zip(words) {
            words.iter().for_each(|word| index.find(word, place));
        }
        index
    }

    /// Has a word find the entry in a place, too.
    pub fn find(&mut self, word: &str, place: u64) {
        let (code, entry) = (code(word), u8::try_from(place % TILE).unwrap_or_default());
        self.found.entry((code, place / TILE)).or_default().add(entry);
        if word.starts_with(Words::ADDRESS) {
            self.erasable.insert(code);
        }
    }

    /// What isn't in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let of = |key| other.found.get(key).copied().unwrap_or_default();
        let left = self.found.iter().map(|(key, hits)| (*key, hits.without(of(key))));
        Self { erasable: self.erasable.clone(), ..left.collect() }
    }

    /// What it says of places below `end`.
    #[must_use]
    pub fn below(self, end: u64) -> Self {
        let left = |((word, tile), hits): (_, Hits)| {
            ((word, tile), hits.and(Hits::below(end.saturating_sub(tile * TILE))))
        };
        Self { erasable: self.erasable, ..self.found.into_iter().map(left).collect() }
    }

    /// Adds what is of other tiles.
    pub(crate) fn add(&mut self, other: Self) {
        self.found.extend(other.found);
        self.erasable.extend(other.erasable);
    }

    /// The first tile that it tells of.
    pub fn first_tile(&self) -> Option<u64> {
        self.found.keys().map(|(_, tile)| *tile).min()
    }

    /// Whether it finds nothing.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The code of each word, the tile, and the hits there; in the order of codes.
    pub fn iter(&self) -> impl Iterator<Item = (i64, u64, Hits)> {
        self.found.iter().map(|((code, tile), hits)| (*code, *tile, *hits))
    }

    /// Whether the word with this code is an address, whose hits may go.
    pub fn is_erasable(&self, code: i64) -> bool {
        self.erasable.contains(&code)
    }
}

/// Where there are no hits, there is nothing.
impl FromIterator<((i64, u64), Hits)> for Index {
    fn from_iter<I: IntoIterator<Item = ((i64, u64), Hits)>>(all: I) -> Self {
        let found = all.into_iter().filter(|(_, hits)| *hits != Hits::default()).collect();
        Self { found, erasable: BTreeSet::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::{Hits, Index};

    fn hits(of: &[u8]) -> Hits {
        let mut hits = Hits::default();
        of.iter().for_each(|entry| hits.add(*entry));
        hits
    }

    #[test]
    fn hits_are_read_as_they_were_written() {
        let hits = hits(&[0, 63, 64, 200, 255]);
        let digits: String =
            hits.hex().chars().map(|digit| format!("{:04b}", digit.to_digit(16).unwrap())).collect();
        assert_eq!(Hits::read(&digits).entries().collect::<Vec<_>>(), [255, 200, 64, 63, 0]);
        for (below, left) in
            [(0, &[][..]), (1, &[0]), (64, &[63, 0]), (65, &[64, 63, 0]), (256, &[255, 200, 64, 63, 0])]
        {
            assert_eq!(hits.and(Hits::below(below)).entries().collect::<Vec<_>>(), left, "{below}");
        }
    }

    #[test]
    fn of_two_indices_one_lacks_what_the_other_has() {
        let index =
            |all: &[(i64, &[u8])]| all.iter().map(|(word, of)| ((*word, 1), hits(of))).collect::<Index>();
        let (one, other) = (index(&[(1, &[0, 7]), (2, &[9])]), index(&[(1, &[7, 200]), (3, &[1])]));
        assert_eq!(one.without(&other), index(&[(1, &[0]), (2, &[9])]));
        assert_eq!(other.without(&one), index(&[(1, &[200]), (3, &[1])]));
        assert!(one.without(&one).is_empty());
        assert_eq!(other.below(256 + 200), index(&[(1, &[7]), (3, &[1])]));
    }
}
