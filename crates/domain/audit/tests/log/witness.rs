//! What a witness is asked, what it decides, and what its answer is worth.

use std::collections::VecDeque;
use std::slice::from_ref;
use std::sync::Mutex;

use async_trait::async_trait;
use ed25519_dalek::SigningKey;
use futures::executor::block_on;
use ward_audit::note::{Checkpoint, InvalidNote, KeyKind, Note, Signature, VerifierKey};
use ward_audit::tree::{Hash, Path};
use ward_audit::witness::{
    AddCheckpoint, InvalidLogs, Logs, Refusal, Witness, WitnessError, cosign, cosignatures,
};

use crate::merkle::{proof, root};
use crate::notes::Key;

const ORIGIN: &str = "ward.example/log";

fn log() -> Key {
    Key::new(ORIGIN, KeyKind::Note, 1)
}

fn logs() -> Logs {
    log().1.to_string().parse().unwrap()
}

/// Two logs that are one until `fork`.
fn fork(fork: u64, size: u64) -> [Vec<Hash>; 2] {
    let leaf = |side: u8, n| Hash::leaf(&[if n < fork { 0 } else { side }, n as u8]);
    [1, 2].map(|side| (0..size).map(|n| leaf(side, n)).collect())
}

fn checkpoint(tree: &[Hash], size: u64) -> Checkpoint {
    Checkpoint { origin: ORIGIN.into(), size, root: root(&tree[..size as usize]) }
}

fn signed(checkpoint: &Checkpoint) -> Note {
    let mut note = checkpoint.note();
    note.sign(&log()).unwrap();
    note
}

/// The request that a log with this `tree` makes of a witness that saw `old` of it.
fn request(tree: &[Hash], old: u64, new: u64) -> AddCheckpoint {
    let path = Path::consistency(old, new).map(|path| proof(tree, &path));
    AddCheckpoint { old, proof: path.unwrap_or_default(), checkpoint: signed(&checkpoint(tree, new)) }
}

fn decide(request: AddCheckpoint, last: Option<&Checkpoint>) -> Result<Note, Refusal> {
    request.vouched(&logs())?.following(last)
}

#[test]
fn a_request_is_read_as_it_was_written_and_in_no_other_way() {
    let [tree, _] = fork(9, 9);
    for (old, new) in [(0, 0), (0, 9), (3, 3), (3, 9)] {
        let written = request(&tree, old, new);
        assert_eq!(written.to_string().parse(), Ok(written));
    }
    let good = request(&tree, 3, 9).to_string();
    let hash = Hash::empty().to_string();
    let with = |hashes: usize| {
        good.replacen("old 3\n", &format!("old 3\n{}", format!("{hash}\n").repeat(hashes)), 1)
    };
    let own = request(&tree, 3, 9).proof.len();
    assert!(with(63 - own).parse::<AddCheckpoint>().is_ok());
    for broken in [
        "".to_owned(),
        with(64 - own),
        good.replacen("old 3", "old 03", 1),
        good.replacen("old 3", "old +3", 1),
        good.replacen("old 3", "old  3", 1),
        good.replacen("old 3", "new 3", 1),
        good.replacen("old 3", "old 18446744073709551616", 1),
        good.replacen("old 3\n", "", 1),
        good.replacen("old 3\n", "old 3\r\n", 1),
        good.replacen("old 3\n", "old 3\nAAAA\n", 1),
        good.replacen("old 3\n", &format!("old 3\n {hash}\n"), 1),
        good.replacen("\n\n", "\n", 1),
        good.trim_end().to_owned(),
    ] {
        assert_eq!(broken.parse::<AddCheckpoint>(), Err(Refusal::Malformed), "{broken}");
    }
}

#[test]
fn only_a_log_that_is_known_is_listened_to_and_only_its_own_signature_is_kept() {
    let [tree, _] = fork(3, 3);
    let stranger = Key::new(ORIGIN, KeyKind::Note, 2);
    let mut unknown = request(&tree, 0, 3);
    assert_eq!(unknown.clone().vouched(&Logs::default()).unwrap_err(), Refusal::Unknown);
    unknown.checkpoint = checkpoint(&tree, 3).note();
    unknown.checkpoint.sign(&stranger).unwrap();
    assert_eq!(decide(unknown.clone(), None), Err(Refusal::Untrusted));

    // A signature of another checkpoint.
    let mut forged = request(&tree, 0, 3);
    forged.checkpoint = checkpoint(&tree, 3).note();
    forged.checkpoint.add(signed(&checkpoint(&tree, 2)).signatures()[0].clone());
    assert_eq!(decide(forged, None), Err(Refusal::Untrusted));

    let mut both = request(&tree, 0, 3);
    both.checkpoint.sign(&stranger).unwrap();
    assert_eq!(decide(both, None), Ok(signed(&checkpoint(&tree, 3))));

    // While its key is rotated, either counts.
    let mut rotated = logs();
    rotated.add(stranger.1.clone()).unwrap();
    assert!(unknown.vouched(&rotated).is_ok());
}

#[test]
fn what_has_no_checkpoint_in_it_or_starts_behind_its_end_is_malformed() {
    let [tree, _] = fork(3, 3);
    assert_eq!(decide(AddCheckpoint { old: 4, ..request(&tree, 3, 3) }, None), Err(Refusal::Malformed));
    let text = format!("old 0\n\n{ORIGIN}\n03\nAAAA\n\n{}\n", signed(&checkpoint(&tree, 3)).signatures()[0]);
    assert_eq!(decide(text.parse().unwrap(), None), Err(Refusal::Malformed));
}

#[test]
fn a_tree_is_cosigned_where_it_grows_out_of_the_one_seen_and_nowhere_else() {
    let sizes = 0..=9_u64;
    let [tree, other] = fork(4, 9);
    for seen in sizes.clone() {
        let last = checkpoint(&tree, seen);
        for (old, new) in sizes.clone().flat_map(|old| (old..=9).map(move |new| (old, new))) {
            for (side, shared) in [(&tree, 9), (&other, 4)] {
                let expected = match (seen, new) {
                    _ if old != seen => Err(Refusal::Behind { size: seen }),
                    // What is empty is the beginning of everything.
                    _ if seen <= shared => Ok(signed(&checkpoint(side, new))),
                    _ => Err(Refusal::Inconsistent),
                };
                assert_eq!(decide(request(side, old, new), Some(&last)), expected, "{seen} {old} {new}");
                if seen == 0 {
                    assert_eq!(decide(request(side, old, new), None), expected);
                }
            }
        }
    }
}

#[test]
fn a_proof_of_something_else_is_none() {
    let [tree, other] = fork(4, 9);
    let last = checkpoint(&tree, 5);
    let good = request(&tree, 5, 9);
    let spoilt = |change: &dyn Fn(&mut AddCheckpoint)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    assert!(decide(good.clone(), Some(&last)).is_ok());
    let from_nothing = AddCheckpoint { old: 0, ..good.clone() };
    assert_eq!(decide(from_nothing, None), Err(Refusal::Inconsistent), "nothing need be shown from nothing");
    let empty = Checkpoint { root: Hash([1; 32]), ..checkpoint(&tree, 0) };
    let empty = AddCheckpoint { old: 0, proof: vec![], checkpoint: signed(&empty) };
    assert_eq!(decide(empty, None), Err(Refusal::Inconsistent), "an empty tree has one root");
    for wrong in [
        spoilt(&|request| request.proof.clear()),
        spoilt(&|request| request.proof.truncate(1)),
        spoilt(&|request| request.proof.push(Hash::empty())),
        spoilt(&|request| request.proof[0].0[0] ^= 1),
        spoilt(&|request| request.checkpoint = signed(&checkpoint(&other, 9))),
        AddCheckpoint { proof: vec![Hash::empty()], ..request(&tree, 5, 5) },
    ] {
        assert_eq!(decide(wrong.clone(), Some(&last)), Err(Refusal::Inconsistent), "{wrong}");
    }
}

#[test]
fn a_list_of_logs_is_read_whole_or_not_at_all() {
    let (key, next) = (log().1, Key::new(ORIGIN, KeyKind::Note, 2).1);
    let text = format!("# ours\n\n{key}\n  {next}\r\n{key}\n");
    assert_eq!(text.parse::<Logs>().unwrap().keys().collect::<Vec<_>>(), [&key, &next]);
    assert_eq!(format!("{key}\n{key}+\n").parse::<Logs>(), Err(InvalidLogs::Line(2)));
    assert_eq!("".parse(), Ok(Logs::default()));
}

#[test]
fn a_witnesss_answer_counts_for_what_its_key_has_signed() {
    let witness = Key::new("witness.example", KeyKind::Cosignature, 3);
    let (keys, note) = (from_ref(&witness.1), signed(&checkpoint(&fork(3, 3)[0], 3)));
    let said = |by: &Key, note: &Note, time| {
        let mut note = note.clone();
        note.cosign(by, time).unwrap();
        note.signatures().last().unwrap().to_string()
    };
    let (good, stranger) =
        (said(&witness, &note, 7), said(&Key::new("b", KeyKind::Cosignature, 4), &note, 7));
    let mine = vec![Signature::parse(&good).unwrap()];
    assert_eq!(cosignatures(&note, &format!("{stranger}\n{good}\n"), keys), Ok(mine));

    let other = signed(&checkpoint(&fork(3, 3)[0], 2));
    let plain = Key::new("witness.example", KeyKind::Note, 3);
    let mut by_plain = note.clone();
    by_plain.sign(&plain).unwrap();
    let by_plain = by_plain.signatures().last().unwrap();
    for (answer, keys, wrong) in [
        (format!("{stranger}\n"), keys, InvalidNote::Unsigned),
        (format!("{}\n", said(&witness, &other, 7)), keys, InvalidNote::Forged),
        (format!("{}\n", said(&witness, &note, 0)), keys, InvalidNote::Unsigned),
        (format!("{by_plain}\n"), from_ref(&plain.1), InvalidNote::Unsigned),
        (good.clone(), keys, InvalidNote::Malformed),
        (format!("{good}\n\n"), keys, InvalidNote::Malformed),
        ("".to_owned(), keys, InvalidNote::Malformed),
    ] {
        assert_eq!(cosignatures(&note, &answer, keys), Err(wrong), "{answer}");
    }
}

/// Answers as it is told, and remembers what it was asked from.
#[derive(Default)]
struct Told {
    seen: Mutex<VecDeque<u64>>,
    asked: Mutex<Vec<(u64, usize)>>,
}

#[async_trait]
impl Witness for Told {
    async fn add_checkpoint(
        &self,
        old: u64,
        path: &[Hash],
        _: &Note,
    ) -> Result<Vec<Signature>, WitnessError> {
        self.asked.lock().unwrap().push((old, path.len()));
        let behind = self.seen.lock().unwrap().pop_front().map(|size| Err(Refusal::Behind { size }.into()));
        behind.unwrap_or(Ok(vec![]))
    }
}

#[test]
fn a_witness_that_stands_elsewhere_is_asked_once_more_from_there() {
    let [tree, _] = fork(9, 9);
    let note = signed(&checkpoint(&tree, 9));
    for (seen, asked, granted) in [
        (&[][..], vec![4], true),
        (&[6], vec![4, 6], true),
        (&[6, 7], vec![4, 6], false),
        (&[4], vec![4], false),
        (&[10], vec![4], false),
    ] {
        let witness = Told { seen: Mutex::new(seen.iter().copied().collect()), ..Told::default() };
        let path = |old| {
            let path = Path::consistency(old, 9).map(|path| proof(&tree, &path));
            std::future::ready(path.ok_or("no such tree"))
        };
        let answer = block_on(cosign(&witness, &note, 4, path));
        let refused = seen.last().map(|&size| Refusal::Behind { size });
        match answer {
            Ok(_) => assert!(granted, "{seen:?}"),
            Err(WitnessError::Refused(told)) => assert_eq!((granted, Some(told)), (false, refused)),
            Err(other) => panic!("{other}"),
        }
        let lengths = asked.iter().map(|&old| (old, request(&tree, old, 9).proof.len()));
        assert_eq!(*witness.asked.lock().unwrap(), lengths.collect::<Vec<_>>());
    }
    let unasked = Told::default();
    let answer =
        block_on(cosign(&unasked, &note, 4, |_| std::future::ready(Err::<Vec<Hash>, _>("no tiles"))));
    assert!(matches!(answer, Err(WitnessError::Unproven(_))));
    assert_eq!(*unasked.asked.lock().unwrap(), []);
}

#[test]
fn no_more_logs_are_known_than_a_witness_looks_at() {
    let of = |seed| SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes();
    let key = |n: usize, public| VerifierKey::new(format!("log.example/{n}"), KeyKind::Note, public).unwrap();
    let (public, mut logs) = (of(1), Logs::default());
    assert_eq!((0..Logs::MOST).try_for_each(|n| logs.add(key(n, public))), Ok(()));
    assert_eq!(logs.add(key(Logs::MOST, public)), Err(InvalidLogs::TooMany));
    assert_eq!(logs.add(key(7, of(2))), Ok(()), "a new key of a log is no new log");
}
