use std::fmt;
use std::str::FromStr;

use super::Refusal;
use crate::note::{Note, number};
use crate::tree::Hash;

/// What a witness is asked: to vouch for a checkpoint of a log that it has seen before. Written as the body of `add-checkpoint`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddCheckpoint {
    /// How many entries it has seen.
    pub old: u64,
    /// That those are the beginning.
    pub proof: Vec<Hash>,
    /// What it shall vouch for.
    pub checkpoint: Note,
}

impl AddCheckpoint {
    /// No tree needs more hashes to be proven consistent.
    const MOST_HASHES: usize = 63;
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for AddCheckpoint {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(Refusal::Malformed)?;
        let (old, proof) = start(head).ok_or(Refusal::Malformed)?;
        let checkpoint = Note::parse(checkpoint).map_err(|_| Refusal::Malformed)?;
        Ok(Self { old, proof, checkpoint })
    }
}

fn start(head: &str) -> Option<(u64, Vec<Hash>)> {
    let mut lines = head.split('\n');
    let old = number(lines.next()?.strip_prefix("old ")?)?;
    let proof: Vec<_> = lines.take(AddCheckpoint::MOST_HASHES + 1).map(Hash::parse).collect::<Option<_>>()?;
    (proof.len() <= AddCheckpoint::MOST_HASHES).then_some((old, proof))
}
