//! A log that is built the simple way, its signers, and what lies in a directory of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ed25519_dalek::{Signer as _, SigningKey};
use ward_audit::note::{Checkpoint, KeyKind, Note, NoteSigner, ProofBundle, VerifierKey};
use ward_audit::tree::{Hash, Tile, TileKind};
use ward_audit::verify::Source;
use ward_kernel::SealError;

pub(crate) const TENANT: &str = "0190a000-0000-7000-8000-00000000000a";
pub(crate) const ORIGIN: &str = "ward.example/0190a000-0000-7000-8000-00000000000a";

/// Somebody who signs.
pub(crate) struct Key(SigningKey, pub(crate) VerifierKey);

impl Key {
    pub(crate) fn new(name: &str, kind: KeyKind, seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let public = VerifierKey::new(name, kind, key.verifying_key().to_bytes()).unwrap();
        Self(key, public)
    }

    pub(crate) fn log() -> Self {
        Self::new(ORIGIN, KeyKind::Note, 1)
    }

    pub(crate) fn foreign() -> Self {
        Self::new(ORIGIN, KeyKind::Note, 9)
    }

    pub(crate) fn witness() -> Self {
        Self::new("witness.example", KeyKind::Cosignature, 2)
    }

    /// The options under which the log is trusted.
    pub(crate) fn trusted() -> Vec<String> {
        vec!["--key".into(), Self::log().1.to_string()]
    }
}

impl NoteSigner for Key {
    fn key(&self) -> &VerifierKey {
        &self.1
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SealError> {
        Ok(self.0.sign(message).to_bytes())
    }
}

/// Numbers that look random and are the same each time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }

    /// Another byte in the place of one.
    pub(crate) fn turn(&mut self, bytes: &mut [u8]) {
        let (at, bit) = (self.below(bytes.len()), self.below(8));
        bytes[at] ^= 1 << bit;
    }
}

/// So many seconds after the log began.
pub(crate) fn entry(id: usize, seconds: i64) -> Vec<u8> {
    let at = chrono::DateTime::from_timestamp(1_795_000_000 + seconds, 123_456_000).unwrap();
    let at = at.format("%Y-%m-%dT%H:%M:%S%.6fZ");
    let id = format!("0190a000-0000-7000-8000-{id:012x}");
    let event = format!(
        r#"{{"action":"subject.changed","details":{{"found":"3 é\n"}},"id":"{id}","operation":"changeSubject","tenant":"{TENANT}"}}"#
    );
    format!(r#"{{"at":"{at}","event":{event}}}"#).into_bytes()
}

pub(crate) fn entries(size: usize) -> Vec<Vec<u8>> {
    // Clocks differ a little.
    (0..size).map(|n| entry(n, n as i64 * 2 - if n % 7 == 3 { 600 } else { 0 })).collect()
}

/// The root of RFC 6962, word for word.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().div_ceil(2).next_power_of_two());
            Hash::node(root(left), root(right))
        }
    }
}

pub(crate) fn leaves(entries: &[Vec<u8>]) -> Vec<Hash> {
    entries.iter().map(|entry| Hash::leaf(entry)).collect()
}

pub(crate) fn head(entries: &[Vec<u8>]) -> Checkpoint {
    Checkpoint { origin: ORIGIN.into(), size: entries.len() as u64, root: root(&leaves(entries)) }
}

pub(crate) fn signed(entries: &[Vec<u8>], key: &Key) -> Note {
    let mut note = head(entries).note();
    note.sign(key).unwrap();
    note
}

/// The proof of one entry, as the API serves it.
pub(crate) fn proof(entries: &[Vec<u8>], index: usize) -> serde_json::Value {
    let bundle = bundle(entries, index);
    let path: Vec<_> = bundle.path.iter().map(ToString::to_string).collect();
    serde_json::json!({
        "entry": String::from_utf8(entries[index].clone()).unwrap(), "leaf_index": index, "tree_size": entries.len(),
        "leaf_hash": Hash::leaf(&entries[index]).to_string(), "path": path, "checkpoint": bundle.checkpoint.to_string(),
    })
}

/// The proof of one entry, as a `.tlog-proof`.
pub(crate) fn bundle(entries: &[Vec<u8>], index: usize) -> ProofBundle {
    let path = path(&leaves(entries), index);
    let extra = Some(entries[index].clone());
    ProofBundle { extra, index: index as u64, path, checkpoint: signed(entries, &Key::log()) }
}

/// The proof of RFC 6962, word for word.
fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(leaves.len().div_ceil(2).next_power_of_two());
    let (mut below, beside) = match index.checked_sub(left.len()) {
        None => (path(left, index), root(right)),
        Some(index) => (path(right, index), root(left)),
    };
    below.push(beside);
    below
}

/// The consistency proof of RFC 6962, word for word.
pub(crate) fn consistency(from: usize, leaves: &[Hash]) -> Vec<Hash> {
    fn subproof(from: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
        if from == leaves.len() {
            return if whole { Vec::new() } else { vec![root(leaves)] };
        }
        let (left, right) = leaves.split_at(leaves.len().div_ceil(2).next_power_of_two());
        let (mut proof, beside) = match from.checked_sub(left.len()) {
            None | Some(0) => (subproof(from, left, whole), root(right)),
            Some(from) => (subproof(from, right, false), root(left)),
        };
        proof.push(beside);
        proof
    }
    subproof(from, leaves, true)
}

/// What lies where.
#[derive(Clone, Default)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

impl Files {
    /// A whole log.
    pub(crate) fn of(entries: &[Vec<u8>]) -> Self {
        let mut files = Self::default();
        files.name(entries);
        files.bring(entries, entries.len());
        files.vouch(&signed(entries, &Key::log()));
        files
    }

    pub(crate) fn vouch(&mut self, note: &Note) {
        self.0.insert("checkpoint".into(), note.to_string().into_bytes());
    }

    /// The tiles of hashes over `entries`.
    pub(crate) fn name(&mut self, entries: &[Vec<u8>]) {
        self.0.retain(|path, _| !path.starts_with("tile/") || path.starts_with("tile/entries/"));
        let leaves = leaves(entries);
        for level in 0..8_u8 {
            let row: Vec<_> = leaves.chunks_exact(1 << (8 * u32::from(level).min(4))).map(root).collect();
            for (index, hashes) in row.chunks(256).enumerate() {
                let bytes = hashes.iter().flat_map(|hash| hash.0).collect();
                self.0.insert(place(TileKind::Hashes(level), index, entries.len()), bytes);
            }
        }
    }

    /// Bundles of `entries`, in the places that a log of `size` has for them: what is left over stands in the last one.
    pub(crate) fn bring(&mut self, entries: &[Vec<u8>], size: usize) {
        self.0.retain(|path, _| !path.starts_with("tile/entries/"));
        let last = size.saturating_sub(1) / 256;
        for index in 0..=last {
            let end = if index == last { entries.len() } else { entries.len().min(index * 256 + 256) };
            let Some(bundle) = entries.get(index * 256..end).filter(|bundle| !bundle.is_empty()) else {
                break;
            };
            self.0.insert(place(TileKind::Entries, index, size), framed(bundle));
        }
    }

    pub(crate) fn write(&self, directory: &Path) {
        for (path, bytes) in &self.0 {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}

impl Source for &Files {
    type Error = std::convert::Infallible;

    fn read(&mut self, path: &str, _: usize) -> Result<Option<Vec<u8>>, Self::Error> {
        Ok(self.0.get(path).cloned())
    }
}

pub(crate) fn place(kind: TileKind, index: usize, size: usize) -> String {
    format!("tile/{}", Tile::within(kind, index as u64, size as u64).unwrap())
}

pub(crate) fn framed(entries: &[Vec<u8>]) -> Vec<u8> {
    entries.iter().flat_map(|entry| [&(entry.len() as u16).to_be_bytes()[..], entry].concat()).collect()
}

/// What was seen before, as `--state` keeps it.
pub(crate) fn state(note: &Note) -> Vec<u8> {
    serde_json::json!({ "logs": { ORIGIN: { "checkpoint": note.to_string(), "latest": null } } })
        .to_string()
        .into_bytes()
}
