//! The proof beside an export: NDJSON that `ward verify` reads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::SecondsFormat;
use poem_openapi::types::ToJSON as _;
use serde_json::{Value, json};
use ward::audit::log::Proof;
use ward::audit::sequence::Head;
use ward::audit::tree::Hash;

use super::format::Line;
use super::run::Asked;
use crate::audit_log::{ProofView, written};

/// What was exported, and the head of the log that all else leads to; and the entry in which the log `says` that it begins later than
/// with its first.
pub(super) fn opening(asked: &Asked, size: u64, head: &Head, says: Option<&Proof>) -> String {
    let time = |time: chrono::DateTime<_>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
    let (from, to) = (asked.search.from.map(time), asked.search.to.map(time));
    let export =
        json!({ "format": asked.format.word(), "raw": asked.raw, "from": from, "to": to, "size": size });
    let says =
        says.map(|proof| beneath(&proof.entry, Hash::leaf(proof.entry.as_bytes()), proof.index, &proof.path));
    format!("{}\n", json!({ "export": export, "checkpoint": head.note, "pruned": says }))
}

/// One of its entries, with the hashes that lead from it to the head.
pub(super) fn line(line: &Line, path: &[Hash]) -> String {
    format!("{}\n", beneath(&line.text, line.leaf, line.event.index, path))
}

fn beneath(entry: &str, leaf: Hash, index: u64, path: &[Hash]) -> Value {
    let leaf = STANDARD.encode(leaf.0);
    json!({ "entry": entry, "leaf_index": index, "leaf_hash": leaf, "path": written(path) })
}

/// The entry in which the log says what was exported, proven, and that its head contains the first one.
pub(super) fn closing(completed: Proof, consistency: &[Hash]) -> String {
    let completed = ProofView::from(completed).to_json();
    format!("{}\n", json!({ "completed": completed, "consistency": written(consistency) }))
}
