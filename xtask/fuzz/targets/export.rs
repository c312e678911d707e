//! Whatever is done to the proof of an export, it shows what the log says of it or nothing.

#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use ward_audit::verify::ExportProof;

use shared::forge::{Key, TENANT, consistency, entries, leaves, proof, signed};
use shared::{Change, trust};

#[derive(Arbitrary, Debug)]
struct Input {
    size: u8,
    tampered: Vec<Tampering>,
}

#[derive(Arbitrary, Debug)]
enum Tampering {
    Changed(u8, Vec<Change>),
    Lost(u8),
    Twice(u8),
    Swapped(u8, u8),
}

impl Tampering {
    fn apply(&self, lines: &mut Vec<Vec<u8>>) {
        if lines.is_empty() {
            return;
        }
        let end = lines.len();
        let at = |n: u8| usize::from(n) % end;
        match self {
            Self::Changed(n, changes) => {
                let n = at(*n);
                lines[n] = Change::all(changes, std::mem::take(&mut lines[n]));
            }
            Self::Lost(n) => drop(lines.remove(at(*n))),
            Self::Twice(n) => lines.insert(at(*n), lines[at(*n)].clone()),
            Self::Swapped(n, m) => lines.swap(at(*n), at(*m)),
        }
    }
}

/// The lines of a sound proof.
fn export(size: usize) -> Vec<Vec<u8>> {
    let mut log = entries(size + 1); // one that came after the export began
    let head = signed(&log, &Key::log()).to_string();
    let mut lines = vec![json!({ "export": { "format": "csv", "size": size }, "checkpoint": head })];
    lines.extend((0..size).rev().map(|index| proof(&log, index)));
    let details =
        json!({ "count": size.to_string(), "format": "csv", "sha256": "00", "size": size.to_string() });
    let id = "0190a000-0000-7000-9000-000000000000";
    let said = json!({ "action": "audit.export_completed", "details": details, "id": id, "tenant": TENANT });
    log.push(json!({ "at": "2026-12-31T00:00:00.000000Z", "event": said }).to_string().into_bytes());
    let path: Vec<_> = consistency(size + 1, &leaves(&log)).iter().map(ToString::to_string).collect();
    lines.push(json!({ "completed": proof(&log, size + 1), "consistency": path }));
    lines.iter().map(Value::to_string).map(String::into_bytes).collect()
}

fuzz_target!(|input: Input| {
    let size = usize::from(input.size % 24);
    let sound = export(size);
    let mut lines = sound.clone();
    input.tampered.iter().for_each(|tampering| tampering.apply(&mut lines));
    let trust = trust();
    let shown = lines.split_first().and_then(|(first, rest)| {
        let mut proof = ExportProof::open(first, &trust)?.ok()?;
        rest.iter().try_for_each(|line| proof.line(line)).ok()?;
        proof.close().ok()
    });
    assert!(shown.is_some() || lines != sound);
    if let Some(shown) = shown {
        assert_eq!((shown.size, shown.count, shown.sha256.as_str()), (size as u64, size as u64, "00"));
        assert!(!shown.is_part && shown.format == "csv");
    }
});
