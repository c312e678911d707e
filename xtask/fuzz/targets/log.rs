//! Whatever is done to the tiles of a log, it is verified only where all of its entries are what was signed.

#![no_main]

#[expect(dead_code, reason = "no key is asked for here")]
mod shared;

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ward_audit::verify::{Remembered, split, verify_log};

use shared::Change;
use shared::forge::{Files, entries, head};

#[derive(Arbitrary, Debug)]
struct Input {
    size: u16,
    /// How much of it was seen before.
    seen: Option<u16>,
    from_start: bool,
    tampered: Vec<Tampering>,
}

#[derive(Arbitrary, Debug)]
enum Tampering {
    Changed(u8, Vec<Change>),
    Lost(u8),
    Swapped(u8, u8),
}

impl Tampering {
    fn apply(&self, files: &mut Files) {
        let path = |n: u8| files.0.keys().nth(usize::from(n) % files.0.len().max(1)).cloned();
        match self {
            Self::Changed(n, changes) => {
                let Some(bytes) = path(*n).and_then(|path| files.0.get_mut(&path)) else { return };
                *bytes = Change::all(changes, std::mem::take(bytes));
            }
            Self::Lost(n) => drop(path(*n).map(|path| files.0.remove(&path))),
            Self::Swapped(n, m) => {
                let (Some(one), Some(other)) = (path(*n), path(*m)) else { return };
                let (first, second) = (files.0[&one].clone(), files.0[&other].clone());
                files.0.extend([(one, second), (other, first)]);
            }
        }
    }
}

/// The entries that bundles hold from one on, which begins a bundle.
fn brought(files: &Files, start: usize) -> Option<Vec<&[u8]>> {
    let bundles = files.0.range(format!("tile/entries/{:03}", start / 256)..);
    bundles.map(|(_, bundle)| split(bundle)).collect::<Option<Vec<_>>>().map(|bundles| bundles.concat())
}

/// More than two tiles.
static ENTRIES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| entries(600));

fuzz_target!(|input: Input| {
    let log = &ENTRIES[..usize::from(input.size) % ENTRIES.len()];
    let sound = Files::of(log);
    let mut files = sound.clone();
    input.tampered.iter().for_each(|tampering| tampering.apply(&mut files));
    let seen = input.seen.map(|size| usize::from(size) % (log.len() + 1));
    let remembered = seen.map(|size| Remembered { head: head(&log[..size]), latest: None });
    match verify_log(&mut &files, &head(log), remembered.as_ref(), input.from_start) {
        Ok(contents) => {
            let start = seen.filter(|_| !input.from_start).unwrap_or_default() / 256 * 256;
            assert_eq!(contents.entries, start as u64..log.len() as u64);
            assert_eq!(brought(&files, start).unwrap(), log[start..]);
        }
        Err(refuted) => assert!(files.0 != sound.0, "{refuted:?}"),
    }
});
