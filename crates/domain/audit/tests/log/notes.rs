//! Signed notes, checkpoints, cosignatures and proof files, held against the examples of their specifications.

use ed25519_dalek::{Signer as _, SigningKey};
use ward_audit::note::{
    Checkpoint, InvalidKey, InvalidNote, KeyKind, Note, NoteSigner, ProofBundle, Unproven, VerifierKey,
};
use ward_audit::tree::{Disproved, Frontier, Hash};
use ward_kernel::SealError;

pub(crate) struct Key(SigningKey, pub(crate) VerifierKey);

impl Key {
    pub(crate) fn new(name: &str, kind: KeyKind, seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let public = VerifierKey::new(name, kind, key.verifying_key().to_bytes()).unwrap();
        Self(key, public)
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

/// The example of the signed-note specification.
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn log() -> Key {
    Key::new("ward.example/log", KeyKind::Note, 1)
}

fn witness() -> Key {
    Key::new("witness.example", KeyKind::Cosignature, 2)
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: "ward.example/log".into(), size: 3, root: Hash([9; 32]) }
}

#[test]
fn the_published_note_is_read_verified_and_written_as_it_was() {
    let keys = [EXAMPLE_KEY.parse::<VerifierKey>().unwrap()];
    assert_eq!(keys[0].to_string(), EXAMPLE_KEY);
    let note = Note::parse(EXAMPLE).unwrap();
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.verify(&keys).unwrap()[0].key.name(), "example.com/foo");
    assert_eq!(note.to_string(), EXAMPLE);
    let other = EXAMPLE.replacen("example", "Example", 1);
    assert_eq!(Note::parse(&other).unwrap().verify(&keys), Err(InvalidNote::Forged));
    assert_eq!(note.verify(&[log().1]), Err(InvalidNote::Unsigned));
}

#[test]
fn a_key_whose_id_is_another_ones_is_a_slip_and_no_key() {
    for text in [
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fob+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+Aek=",
        "example.com/foo+530d903a",
        "",
    ] {
        assert_eq!(text.parse::<VerifierKey>(), Err(InvalidKey), "{text}");
    }
    for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b"] {
        assert!(VerifierKey::new(name, KeyKind::Note, [3; 32]).is_err(), "{name:?}");
    }
    assert!(
        VerifierKey::new("small", KeyKind::Note, [0; 32]).is_err(),
        "a point of small order signs anything"
    );
}

#[test]
fn a_checkpoint_is_signed_and_cosigned_and_each_signature_counts() {
    let (log, witness) = (log(), witness());
    let keys = [log.1.clone(), witness.1.clone()];
    let mut note = checkpoint().note();
    note.sign(&log).unwrap();
    note.cosign(&witness, 1_700_000_000).unwrap();
    let read = Note::parse(&note.to_string()).unwrap();
    let times: Vec<_> = read.verify(&keys).unwrap().iter().map(|signed| signed.time).collect();
    assert_eq!(times, [None, Some(1_700_000_000)]);
    assert_eq!(Checkpoint::parse(&read).unwrap(), checkpoint());

    // The time is signed too.
    let line = note.signatures()[1].to_string();
    let mut moved = read.clone();
    let mut later = checkpoint().note();
    later.cosign(&witness, 1_700_000_001).unwrap();
    moved.add(later.signatures()[0].clone());
    assert_eq!(moved.signatures().len(), 2, "a newer one of the same key replaces it");
    assert!(moved.verify(&keys).is_ok());
    let mut elsewhere = Checkpoint { size: 4, ..checkpoint() }.note();
    elsewhere.add(ward_audit::note::Signature::parse(&line).unwrap());
    assert_eq!(elsewhere.verify(&keys), Err(InvalidNote::Forged));
}

#[test]
fn what_is_not_written_as_a_note_is_refused() {
    let signature = EXAMPLE.lines().last().unwrap();
    for broken in [
        "".to_owned(),
        "text\n".into(),
        format!("text\n{signature}\n"),
        format!("text\n\n{signature}"),
        format!("text\n\n{signature}\n\n"),
        format!("te\txt\n\n{signature}\n"),
        format!("text\n\n{}\n", signature.replace('—', "-")),
        format!("text\n\n{}\n", signature.replace("foo", "f+o")),
        format!("text\n\n{signature}=\n"),
        "text\n\n— a AAAA\n".into(),
        format!("text\n\n{}", format!("{signature}\n").repeat(101)),
    ] {
        assert_eq!(Note::parse(&broken), Err(InvalidNote::Malformed), "{broken:?}");
    }
    assert!(Note::parse(&format!("a\n\nb\n\n{}", format!("{signature}\n").repeat(16))).is_ok());
}

#[test]
fn a_checkpoint_says_its_size_and_root_in_one_way() {
    let read = |text: &str| {
        let note = Note::parse(&format!("{text}\n\n{}\n", EXAMPLE.lines().last().unwrap())).unwrap();
        Checkpoint::parse(&note)
    };
    let root = Hash([9; 32]);
    assert_eq!(read(&format!("ward.example/log\n3\n{root}")), Ok(checkpoint()));
    assert_eq!(read(&format!("ward.example/log\n3\n{root}\nmore")), Ok(checkpoint()));
    for broken in [
        format!("ward.example/log\n03\n{root}"),
        format!("ward.example/log\n+3\n{root}"),
        format!("ward.example/log\n18446744073709551616\n{root}"),
        format!("\n3\n{root}"),
        "ward.example/log\n3\nAAAA".into(),
        "ward.example/log\n3".into(),
        format!("ward.example/log\n3\n{root}\n\nmore"),
    ] {
        assert_eq!(read(&broken), Err(InvalidNote::Malformed), "{broken:?}");
    }
}

#[test]
fn a_proof_file_shows_where_an_entry_stands_and_no_other() {
    let mut tree = Frontier::default();
    tree.extend([Hash::leaf(b"a"), Hash::leaf(b"b")]);
    let mut note = Checkpoint { size: 2, root: tree.root(), ..checkpoint() }.note();
    note.sign(&log()).unwrap();
    for extra in [None, Some(b"where".to_vec())] {
        let bundle = ProofBundle { extra, index: 1, path: vec![Hash::leaf(b"a")], checkpoint: note.clone() };
        let text = bundle.to_string();
        assert_eq!(text.parse::<ProofBundle>().as_ref(), Ok(&bundle), "{text}");
        assert_eq!(bundle.verify(b"b").map(|head| head.size), Ok(2));
        assert_eq!(bundle.verify(b"a"), Err(Unproven::Entry(Disproved::Root)));
        for broken in [
            text.replace("@v1", "@v2"),
            text.replace("index 1", "index 01"),
            text.replace("index 1\n", ""),
            text.replacen("\n\n", "\n", 1),
            text.replacen("=\n\n", "\n\n", 1),
        ] {
            assert_eq!(broken.parse::<ProofBundle>(), Err(InvalidNote::Malformed), "{broken}");
        }
    }
}
