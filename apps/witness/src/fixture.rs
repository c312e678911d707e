//! Logs for tests: of one origin and key there are several sides, which are one until they part.

use ed25519_dalek::{Signer as _, SigningKey};
use ward::audit::note::{Checkpoint, KeyKind, Note, NoteSigner, VerifierKey};
use ward::audit::tree::{Frontier, Hash, Node, Path};
use ward::audit::witness::AddCheckpoint;
use ward::kernel::SealError;

/// Where the sides part.
pub(crate) const FORK: u64 = 3;

pub(crate) struct Log {
    secret: SigningKey,
    pub(crate) key: VerifierKey,
    pub(crate) leaves: Vec<Hash>,
}

impl Log {
    pub(crate) fn new(origin: &str, side: u8) -> Self {
        let secret = SigningKey::from_bytes(&[7; 32]);
        let key = VerifierKey::new(origin, KeyKind::Note, secret.verifying_key().to_bytes()).unwrap();
        let leaf = |n| Hash::leaf(&[n as u8, if n < FORK { 0 } else { side }]);
        Self { secret, key, leaves: (0..64).map(leaf).collect() }
    }

    pub(crate) fn checkpoint(&self, size: u64) -> Checkpoint {
        Checkpoint { origin: self.key.name().to_owned(), size, root: self.root(0, size).unwrap() }
    }

    pub(crate) fn signed(&self, size: u64) -> Note {
        let mut note = self.checkpoint(size).note();
        note.sign(self).unwrap();
        note
    }

    pub(crate) fn proof(&self, old: u64, new: u64) -> Option<Vec<Hash>> {
        let root = |node: Node| self.root(node.index << node.level, 1 << node.level);
        Path::consistency(old, new)?.hashes(root)
    }

    pub(crate) fn request(&self, old: u64, new: u64) -> AddCheckpoint {
        let proof = self.proof(old, new).unwrap_or_default();
        AddCheckpoint { old, proof, checkpoint: self.signed(new) }
    }

    fn root(&self, first: u64, count: u64) -> Option<Hash> {
        let mut tree = Frontier::default();
        tree.extend(self.leaves.get(first as usize..(first + count) as usize)?.iter().copied());
        Some(tree.root())
    }
}

impl NoteSigner for Log {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SealError> {
        Ok(self.secret.sign(message).to_bytes())
    }
}
