//! Whatever is done to the proof of an entry, it shows no entry but those of the log, and none at another place.

#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ward_audit::verify::EntryProof;

use shared::forge::{bundle, entries, proof};
use shared::{Change, trust};

#[derive(Arbitrary, Debug)]
struct Input {
    size: u8,
    index: u8,
    as_bundle: bool,
    changes: Vec<Change>,
    /// What is given in the place of the proof's own entry.
    entry: Option<Vec<Change>>,
}

fuzz_target!(|input: Input| {
    let log = entries(usize::from(input.size) + 1);
    let index = usize::from(input.index) % log.len();
    let text = if input.as_bundle { bundle(&log, index).to_string() } else { proof(&log, index).to_string() };
    let entry = input.entry.as_ref().map(|changes| Change::all(changes, log[index].clone()));
    let read = EntryProof::parse(&Change::all(&input.changes, text.into_bytes()), entry);
    let shown = read.ok().map(|proof| proof.verify(&trust()));
    let is_sound = input.changes.is_empty() && input.entry.is_none_or(|changes| changes.is_empty());
    assert!(!is_sound || matches!(shown, Some(Ok(_))), "{shown:?}");
    if let Some(Ok(shown)) = shown {
        let id = format!("{:012x}", shown.index);
        assert!(shown.index < log.len() as u64 && shown.id.to_string().ends_with(&id));
    }
});
