//! In which entries words occur: a bit for each of the 256 entries of a tile.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use ward::audit::Words;
use ward::audit::tree::Tile;

/// A word, as it is indexed.
pub(super) fn code(word: &str) -> i64 {
    let digest: [u8; 32] = Sha256::digest(word).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Which entries of a tile, the first in the highest bit, as the database writes a `bit(256)` in hexadecimal.
#[derive(Clone, Copy, Default)]
pub(super) struct Hits([u64; 4]);

impl Hits {
    fn add(&mut self, entry: u8) {
        if let Some(part) = self.0.get_mut(usize::from(entry / 64)) {
            *part |= 1 << (63 - entry % 64);
        }
    }

    /// All entries before this one.
    pub(super) fn below(entry: u64) -> Self {
        let part = |n: u64| match entry.saturating_sub(64 * n) {
            0 => 0,
            some @ 1..64 => !(u64::MAX >> some),
            _ => u64::MAX,
        };
        Self([0, 1, 2, 3].map(part))
    }

    pub(super) fn and(self, other: Self) -> Self {
        let mut both = self;
        both.0.iter_mut().zip(other.0).for_each(|(part, other)| *part &= other);
        both
    }

    /// Reads 256 digits, each 0 or 1.
    pub(super) fn read(digits: &str) -> Self {
        let mut hits = Self::default();
        let ones = (0..=u8::MAX).zip(digits.bytes()).filter(|(_, digit)| *digit == b'1');
        ones.for_each(|(entry, _)| hits.add(entry));
        hits
    }

    /// The entries, the last first.
    pub(super) fn entries(self) -> impl Iterator<Item = u8> {
        let is_hit = move |entry: &u8| {
            self.0.get(usize::from(entry / 64)).is_some_and(|part| part >> (63 - entry % 64) & 1 == 1)
        };
        (0..=u8::MAX).rev().filter(is_hit)
    }

    fn hex(self) -> String {
        self.0.iter().map(|part| format!("{part:016x}")).collect()
    }
}

/// The hits of each word in each tile, in the order of their index: a column each.
#[derive(Default)]
pub(super) struct Index {
    pub(super) words: Vec<i64>,
    pub(super) tiles: Vec<i64>,
    pub(super) hits: Vec<String>,
    /// Whether the word is an address, whose hits may go.
    pub(super) erasable: Vec<bool>,
}

impl Index {
    /// Of words in the entries of these places.
    pub(super) fn of<'w>(places: impl Iterator<Item = (u64, &'w str)>) -> Self {
        let mut found: BTreeMap<(i64, i64), (Hits, bool)> = BTreeMap::new();
        for (place, word) in places {
            let tile = (place / u64::from(Tile::WIDTH)).cast_signed();
            let entry = u8::try_from(place % u64::from(Tile::WIDTH)).unwrap_or_default();
            let (hits, erasable) = found.entry((code(word), tile)).or_default();
            hits.add(entry);
            *erasable = word.starts_with(Words::ADDRESS);
        }
        let mut index = Self::default();
        for ((word, tile), (hits, erasable)) in found {
            index.words.push(word);
            index.tiles.push(tile);
            index.hits.push(hits.hex());
            index.erasable.push(erasable);
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use super::Hits;

    #[test]
    fn hits_are_read_as_they_were_written() {
        let mut hits = Hits::default();
        [0, 63, 64, 200, 255].into_iter().for_each(|entry| hits.add(entry));
        let digits: String =
            hits.hex().chars().map(|digit| format!("{:04b}", digit.to_digit(16).unwrap())).collect();
        assert_eq!(Hits::read(&digits).entries().collect::<Vec<_>>(), [255, 200, 64, 63, 0]);
        for (below, left) in
            [(0, &[][..]), (1, &[0]), (64, &[63, 0]), (65, &[64, 63, 0]), (256, &[255, 200, 64, 63, 0])]
        {
            assert_eq!(hits.and(Hits::below(below)).entries().collect::<Vec<_>>(), left, "{below}");
        }
    }
}
