//! Whatever is read as a note, a checkpoint, a key or the path of a tile is written in one way alone.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ward_audit::note::{Checkpoint, Note, ProofBundle, Signature, VerifierKey};
use ward_audit::tree::Tile;

fuzz_target!(|text: &str| {
    if let Ok(note) = Note::parse(text) {
        assert_eq!(Note::parse(&note.to_string()), Ok(note.clone()));
        if let Ok(checkpoint) = Checkpoint::parse(&note) {
            assert!(note.text().starts_with(&checkpoint.to_string()));
        }
    }
    if let Some(signature) = Signature::parse(text) {
        assert_eq!(signature.to_string(), text);
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(tile) = text.parse::<Tile>() {
        assert_eq!(tile.to_string(), text);
    }
    if let Ok(bundle) = text.parse::<ProofBundle>() {
        assert_eq!(bundle.to_string().parse(), Ok(bundle));
    }
});
