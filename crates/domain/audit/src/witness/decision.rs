use std::collections::BTreeMap;
use std::str::FromStr;

use super::{AddCheckpoint, Refusal};
use crate::note::{Checkpoint, Note, VerifierKey};
use crate::tree::{Hash, verify_consistency};

/// The logs that a witness knows: the keys of each, by its origin, which is their name. Written as a vkey a line; empty lines and
/// those that begin with `#` say nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Logs(BTreeMap<String, Vec<VerifierKey>>);

/// Not a list of logs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLogs {
    /// A line is no vkey.
    #[error("line {0} is not an Ed25519 verifier key")]
    Line(usize),
    /// More than a witness looks at.
    #[error("there are more than {} logs", Logs::MOST)]
    TooMany,
}

impl Logs {
    /// How many a witness knows at most.
    pub const MOST: usize = 100_000;

    /// Adds a key, of a log that is known or a new one.
    pub fn add(&mut self, key: VerifierKey) -> Result<(), InvalidLogs> {
        let count = self.0.len();
        if count == Self::MOST && !self.0.contains_key(key.name()) {
            return Err(InvalidLogs::TooMany);
        }
        let keys = self.0.entry(key.name().to_owned()).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
        Ok(())
    }

    /// All keys, in the order of their logs.
    pub fn keys(&self) -> impl Iterator<Item = &VerifierKey> {
        self.0.values().flatten()
    }
}

impl FromStr for Logs {
    type Err = InvalidLogs;

    fn from_str(text: &str) -> Result<Self, InvalidLogs> {
        let mut logs = Self::default();
        for (n, line) in text.lines().map(str::trim).enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                logs.add(line.parse().map_err(|_| InvalidLogs::Line(n + 1))?)?;
            }
        }
        Ok(logs)
    }
}

/// A checkpoint that its log has signed, and how it came to be.
#[derive(Clone, Debug)]
pub struct Vouched {
    checkpoint: Checkpoint,
    /// With the signatures of the log alone.
    note: Note,
    old: u64,
    proof: Vec<Hash>,
}

impl AddCheckpoint {
    /// Whether a log that is known wants this.
    pub fn vouched(self, logs: &Logs) -> Result<Vouched, Refusal> {
        let checkpoint = Checkpoint::parse(&self.checkpoint).map_err(|_| Refusal::Malformed)?;
        let keys = logs.0.get(&checkpoint.origin).ok_or(Refusal::Unknown)?;
        self.checkpoint.verify(keys).map_err(|_| Refusal::Untrusted)?;
        if self.old > checkpoint.size {
            return Err(Refusal::Malformed);
        }
        let note = self.checkpoint.signed_by(keys);
        Ok(Vouched { checkpoint, note, old: self.old, proof: self.proof })
    }
}

impl Vouched {
    /// Of which log it is.
    pub fn origin(&self) -> &str {
        &self.checkpoint.origin
    }

    /// The note to be cosigned by a witness that saw `last` of this log. Between reading that and keeping this, nobody else may.
    pub fn following(self, last: Option<&Checkpoint>) -> Result<Note, Refusal> {
        let seen = last.map_or((0, Hash::empty()), |last| (last.size, last.root));
        if self.old != seen.0 {
            return Err(Refusal::Behind { size: seen.0 });
        }
        verify_consistency(seen, (self.checkpoint.size, self.checkpoint.root), &self.proof)
            .map_err(|_| Refusal::Inconsistent)?;
        Ok(self.note)
    }
}
