use chrono::NaiveDateTime;
use serde_json::Value;
use ward_kernel::Uuid;

use super::content::belongs;
use super::{Facts, Place, Reason, Refuted, Trust, Vouched};
use crate::note::{Checkpoint, ProofBundle};
use crate::tree::{Hash, verify_inclusion};

/// One entry, and the proof of its place in a log; none of it is verified yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EntryProof {
    entry: Vec<u8>,
    index: u64,
    path: Vec<Hash>,
    checkpoint: String,
    /// What the proof says of itself beside what it needs.
    said: Option<(u64, Hash)>,
}

/// What a verified proof shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    /// The log's word for it.
    pub vouched: Vouched,
    /// The entry's number.
    pub index: u64,
    /// When it says that it happened.
    pub at: NaiveDateTime,
    /// Its event's id.
    pub id: Uuid,
}

/// Why there is no proof to be verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoProof {
    /// It is not written as one.
    #[error("it is neither the JSON of a proof nor a `.tlog-proof`")]
    Malformed,
    /// It brings no entry.
    #[error("the entry is neither in the proof nor given beside it")]
    NoEntry,
}

impl EntryProof {
    /// Reads the JSON of `GET /v1/audit/events/{id}/proof`, or a `.tlog-proof` whose `extra` is the entry. An entry that is given
    /// takes the place of that in the proof.
    pub fn parse(bytes: &[u8], entry: Option<Vec<u8>>) -> Result<Self, NoProof> {
        let text = std::str::from_utf8(bytes).map_err(|_| NoProof::Malformed)?;
        if text.starts_with("c2sp.org/tlog-proof@") {
            let ProofBundle { extra, index, path, checkpoint } =
                text.parse().map_err(|_| NoProof::Malformed)?;
            let entry = entry.or(extra).ok_or(NoProof::NoEntry)?;
            return Ok(Self { entry, index, path, checkpoint: checkpoint.to_string(), said: None });
        }
        let proof = serde_json::from_str(text).map_err(|_| NoProof::Malformed)?;
        let mut read = Self::of_json(&proof).ok_or(NoProof::Malformed)?;
        read.entry = entry.unwrap_or(read.entry);
        Ok(read)
    }

    /// Shows that the entry stands where it says, in a tree whose checkpoint is trusted.
    pub fn verify(&self, trust: &Trust) -> Result<Shown, Refuted> {
        let vouched = trust.vouch(self.checkpoint.as_bytes())?;
        let facts = self.shows(&vouched.checkpoint)?;
        Ok(Shown { at: facts.at, id: facts.id, index: self.index, vouched })
    }

    /// The same as a `.tlog-proof` that brings the entry, under the checkpoint that vouched for it.
    pub fn bundle(&self, vouched: &Vouched) -> ProofBundle {
        let (extra, path, checkpoint) = (Some(self.entry.clone()), self.path.clone(), vouched.note.clone());
        ProofBundle { extra, index: self.index, path, checkpoint }
    }

    /// Shows that the entry stands where it says, in a tree that is trusted.
    pub(super) fn shows(&self, head: &Checkpoint) -> Result<Facts<'_>, Refuted> {
        let leads = |leaf| verify_inclusion(leaf, (self.index, head.size), &self.path, head.root).is_ok();
        let leaf = Hash::leaf(&self.entry);
        let at = |reason| Refuted::at(reason, Place::Entry(self.index));
        if !leads(leaf) {
            let other = self.said.is_some_and(|(_, said)| leads(said));
            return Err(at(if other { Reason::Edited } else { Reason::Unproven }));
        }
        if self.said.is_some_and(|said| said != (head.size, leaf)) {
            return Err(at(Reason::Malformed));
        }
        belongs(&head.origin, &self.entry).map_err(at)
    }

    pub(super) fn of_json(proof: &Value) -> Option<Self> {
        let size = proof.get("tree_size")?.as_u64()?;
        Self::read(proof, size, proof.get("checkpoint")?.as_str()?)
    }

    /// The same without a checkpoint, which is known.
    pub(super) fn beneath(proof: &Value, head: &Checkpoint) -> Option<Self> {
        Self::read(proof, head.size, "")
    }

    fn read(proof: &Value, size: u64, checkpoint: &str) -> Option<Self> {
        let text = |name: &str| proof.get(name)?.as_str();
        let path = proof.get("path")?.as_array()?.iter().map(|hash| Hash::parse(hash.as_str()?));
        Some(Self {
            entry: text("entry")?.into(),
            index: proof.get("leaf_index")?.as_u64()?,
            path: path.collect::<Option<_>>()?,
            checkpoint: checkpoint.to_owned(),
            said: Some((size, Hash::parse(text("leaf_hash")?)?)),
        })
    }

    pub(super) fn entry(&self) -> &[u8] {
        &self.entry
    }

    pub(super) fn index(&self) -> u64 {
        self.index
    }
}
