use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Checkpoint, InvalidNote, Note, number};
use crate::tree::{Disproved, Hash, verify_inclusion};

/// Where an entry stands, and the proof of it: a `.tlog-proof` file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProofBundle {
    /// Anything that may help to find the entry; nobody signs for it.
    pub extra: Option<Vec<u8>>,
    /// Its place in the log.
    pub index: u64,
    /// The hashes beside it, from the leaf's side to the root's.
    pub path: Vec<Hash>,
    /// The tree that it is in.
    pub checkpoint: Note,
}

const VERSION: &str = "c2sp.org/tlog-proof@v1";

impl ProofBundle {
    /// Shows that `entry` stands where it says, in the tree of its checkpoint: who signed that is another question.
    pub fn verify(&self, entry: &[u8]) -> Result<Checkpoint, Unproven> {
        let checkpoint = Checkpoint::parse(&self.checkpoint)?;
        let place = (self.index, checkpoint.size);
        verify_inclusion(Hash::leaf(entry), place, &self.path, checkpoint.root)?;
        Ok(checkpoint)
    }
}

/// Why a bundle proves nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unproven {
    /// Its checkpoint says nothing.
    #[error(transparent)]
    Checkpoint(#[from] InvalidNote),
    /// The entry is not there.
    #[error(transparent)]
    Entry(#[from] Disproved),
}

impl fmt::Display for ProofBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{VERSION}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for ProofBundle {
    type Err = InvalidNote;

    fn from_str(text: &str) -> Result<Self, InvalidNote> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(InvalidNote::Malformed)?;
        let (extra, index, path) = proof(head).ok_or(InvalidNote::Malformed)?;
        Ok(Self { extra, index, path, checkpoint: Note::parse(checkpoint)? })
    }
}

fn proof(head: &str) -> Option<(Option<Vec<u8>>, u64, Vec<Hash>)> {
    let mut lines = head.strip_prefix(VERSION)?.strip_prefix('\n')?.split('\n').peekable();
    let extra = lines.next_if(|line| line.starts_with("extra "));
    let extra = extra.map(|line| STANDARD.decode(line.trim_start_matches("extra ")));
    let index = number(lines.next()?.strip_prefix("index ")?)?;
    Some((extra.transpose().ok()?, index, lines.map(Hash::parse).collect::<Option<_>>()?))
}
