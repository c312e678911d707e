use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// The hash of a subtree; written in standard base64.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Of an entry.
    pub fn leaf(entry: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
    }

    /// Of two subtrees beside each other.
    pub fn node(left: Self, right: Self) -> Self {
        let mut both = [1; 65];
        let (_, halves) = both.split_at_mut(1);
        let (first, second) = halves.split_at_mut(32);
        first.copy_from_slice(&left.0);
        second.copy_from_slice(&right.0);
        Self(Sha256::digest(both).into())
    }

    /// Of a tree without leaves.
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// Reads 32 bytes in standard base64.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(STANDARD.decode(text).ok()?.try_into().ok()?))
    }

    /// Of subtrees from left to right, each of them higher than all behind it together.
    pub(crate) fn join(subtrees: impl DoubleEndedIterator<Item = Self>) -> Option<Self> {
        subtrees.rev().reduce(|right, left| Self::node(left, right))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
