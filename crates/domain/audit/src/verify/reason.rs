use std::fmt;

use crate::tree::Tile;

/// Why something is refused that was held against a signed checkpoint: no more than can be told apart.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// It is not written in its format, or contradicts itself.
    Malformed,
    /// It names a trusted key, whose signature doesn't fit.
    BadSignature,
    /// No trusted key of the log that it names has signed it.
    ForeignKey,
    /// Fewer witnesses than asked for have cosigned it.
    Unwitnessed,
    /// It is older than what was seen before.
    RolledBack,
    /// It doesn't contain what was seen before, though the log's key signed both.
    Forked,
    /// The last entries that were signed aren't there.
    Truncated,
    /// A tile in the middle isn't there.
    Gap,
    /// Another entry was signed at its place.
    Edited,
    /// An entry that was signed is missing.
    Deleted,
    /// An entry stands here that nobody signed.
    Inserted,
    /// An entry stands here that was signed at another place.
    Reordered,
    /// It leads to another root than the signed one, and nothing tells which part was changed.
    Altered,
    /// The proof doesn't lead to the signed root.
    Unproven,
    /// The entries are those that were signed; a tile of hashes isn't.
    WrongTile,
    /// An entry was signed that is not canonical JSON of texts, lists and objects.
    NotCanonical,
    /// An entry was signed that is of another tenant.
    ForeignTenant,
    /// An entry was signed whose time lies further before an earlier one's than clocks differ.
    BackDated,
    /// Two entries were signed that have the same id.
    Duplicated,
    /// The exported file is another one than the log says it wrote.
    OtherFile,
}

impl Reason {
    /// The one word for machines.
    pub fn word(self) -> &'static str {
        self.words().0
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed => ("malformed", "it is not written in its format, or contradicts itself"),
            Self::BadSignature => ("bad-signature", "a trusted key's signature does not fit"),
            Self::ForeignKey => ("foreign-key", "no trusted key of this log has signed it"),
            Self::Unwitnessed => ("unwitnessed", "fewer witnesses than asked for have cosigned it"),
            Self::RolledBack => ("rolled-back", "it is older than what was seen before"),
            Self::Forked => {
                ("forked", "it does not contain what was seen before, though the log signed both")
            }
            Self::Truncated => ("truncated", "the last entries that were signed are not there"),
            Self::Gap => ("gap", "a part that was signed is not there"),
            Self::Edited => ("edited", "another entry was signed at this place"),
            Self::Deleted => ("deleted", "an entry that was signed is missing"),
            Self::Inserted => ("inserted", "an entry stands here that nobody signed"),
            Self::Reordered => ("reordered", "an entry stands here that was signed at another place"),
            Self::Altered => (
                "altered",
                "it leads to another root than the signed one; which part was changed can't be told",
            ),
            Self::Unproven => ("unproven", "the proof does not lead to the signed root"),
            Self::WrongTile => {
                ("wrong-tile", "the entries are those that were signed, but a tile of hashes is not")
            }
            Self::NotCanonical => ("not-canonical", "an entry was signed that is not canonical JSON"),
            Self::ForeignTenant => ("foreign-tenant", "an entry was signed that is of another tenant"),
            Self::BackDated => {
                ("back-dated", "an entry was signed whose time lies too far before an earlier one's")
            }
            Self::Duplicated => ("duplicated", "two entries were signed that have the same id"),
            Self::OtherFile => ("other-file", "the file is not the one that the log says was exported"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().1)
    }
}

/// Something was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct Refuted {
    /// Why.
    pub reason: Reason,
    /// The first place where that shows, if there is one.
    pub place: Option<Place>,
}

/// Where in a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// The entry with this number; the first has 0.
    Entry(u64),
    /// A tile.
    Tile(Tile),
}

impl Refuted {
    pub(super) fn at(reason: Reason, place: Place) -> Self {
        Self { reason, place: Some(place) }
    }
}

impl From<Reason> for Refuted {
    fn from(reason: Reason) -> Self {
        Self { reason, place: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(index) => write!(f, "entry {index}"),
            Self::Tile(tile) => write!(f, "tile/{tile}"),
        }
    }
}
