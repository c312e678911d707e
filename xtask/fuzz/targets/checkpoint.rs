//! Whatever is done to a signed checkpoint, nobody is believed to have signed another one.

#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ward_audit::note::Checkpoint;
use ward_audit::tree::Hash;

use shared::forge::{Key, ORIGIN};
use shared::{Change, trust};

#[derive(Arbitrary, Debug)]
struct Input {
    size: u64,
    root: [u8; 32],
    changes: Vec<Change>,
}

fuzz_target!(|input: Input| {
    let checkpoint = Checkpoint { origin: ORIGIN.into(), size: input.size, root: Hash(input.root) };
    let mut note = checkpoint.note();
    note.sign(&Key::log()).unwrap();
    let vouched = trust().vouch(&Change::all(&input.changes, note.to_string().into_bytes()));
    assert!(vouched.is_ok() || !input.changes.is_empty());
    if let Ok(vouched) = vouched {
        assert_eq!((vouched.checkpoint, vouched.note.text()), (checkpoint, note.text()));
    }
});
