use std::fmt;

use super::{InvalidNote, Note};
use crate::tree::Hash;

/// What a log says of itself: so many entries, under this root.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// Which log; see [`VerifierKey::name`](super::VerifierKey::name).
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads what `note` says, without asking who signed it. Lines after the third are passed over: nobody signs for them.
    pub fn parse(note: &Note) -> Result<Self, InvalidNote> {
        let mut lines = note.text().split_terminator('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(InvalidNote::Malformed);
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(InvalidNote::Malformed);
        }
        let size = number(size).ok_or(InvalidNote::Malformed)?;
        let root = Hash::parse(root).ok_or(InvalidNote::Malformed)?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// The note to be signed.
    pub fn note(&self) -> Note {
        Note::unsigned(self.to_string())
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}

/// A number written in the one way that C2SP's formats have.
pub(crate) fn number(text: &str) -> Option<u64> {
    let number = text.parse::<u64>().ok()?;
    (number.to_string() == text).then_some(number)
}
