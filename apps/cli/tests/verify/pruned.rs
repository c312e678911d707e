//! Logs whose beginning is gone: as far as the log itself says, and no further.

use serde_json::{Value, json};
use ward_audit::tree::TileKind;

use crate::exports::{beneath, case, export_of};
use crate::forge::{Dice, Files, Key, TENANT, entries, leaves, place, root, signed, state};
use crate::judges::{Case, judge};
use crate::online::{Server, said as told};

const SIZE: usize = 600;
/// Where the log says that it begins.
const SAYS: usize = 590;

/// A log that says so with these details, in its entry `SAYS`.
pub(crate) fn saying(details: &Value) -> Vec<Vec<u8>> {
    said(details, SAYS)
}

fn said(details: &Value, place: usize) -> Vec<Vec<u8>> {
    let mut log = entries(SIZE);
    let entry: Value = serde_json::from_slice(&log[place]).unwrap();
    let (at, id) = (&entry["at"], &entry["event"]["id"]);
    let event = json!({ "action": "audit.pruned", "details": details, "id": id, "tenant": TENANT });
    log[place] = json!({ "at": at, "event": event }).to_string().into_bytes();
    log
}

pub(crate) fn of(first: usize) -> Value {
    json!({ "before": "2026-01-01", "first": first.to_string(), "root": root(&leaves(&entries(first))).to_string() })
}

/// The log without these bundles of entries.
pub(crate) fn without(log: &[Vec<u8>], bundles: &[usize]) -> Files {
    let mut files = Files::of(log);
    for bundle in bundles {
        files.0.remove(&place(TileKind::Entries, *bundle, log.len())).unwrap();
    }
    files
}

fn pruned(name: &str, files: Files, reasons: &[&'static str], first: u64) -> Case {
    Case { pruned: Some(first), ..Case::of(name, files, reasons) }
}

#[test]
fn a_log_that_says_that_it_was_pruned_is_verified_whatever_was_seen_of_it() {
    let log = saying(&of(512));
    let mut cases = vec![
        pruned("as it says", without(&log, &[0, 1]), &[], 512),
        pruned("less than it says", without(&log, &[0]), &[], 256),
        pruned("nothing of it", Files::of(&log), &[], 0),
    ];
    for known in [0, 1, 256, 300, 512, 513, 595, 600] {
        let case = pruned("seen", without(&log, &[0, 1]), &[], 512);
        cases.push(case.with("state", state(&signed(&log[..known], &Key::log()))));
    }
    let mut other = entries(300);
    other[7] = entries(301).pop().unwrap();
    let seen = state(&signed(&other, &Key::log()));
    cases.push(Case::of("another past", without(&log, &[0, 1]), &["forked"]).with("state", seen));
    judge(&cases);
}

#[test]
fn what_is_missing_beyond_that_is_deleted() {
    let log = saying(&of(256));
    let mut unsigned = without(&entries(SIZE), &[0, 1]);
    unsigned.bring(&saying(&of(512)), SIZE);
    for bundle in [0, 1] {
        unsigned.0.remove(&place(TileKind::Entries, bundle, SIZE)).unwrap();
    }
    let mut turned = without(&saying(&of(512)), &[0, 1]);
    Dice(3).turn(turned.0.get_mut(&place(TileKind::Hashes(0), 0, SIZE)).unwrap());
    let mut cases = vec![
        Case::of("more than it says", without(&log, &[0, 1]), &["deleted"]),
        Case::of("not its beginning", without(&saying(&of(512)), &[1]), &["deleted"]),
        Case::of("nobody says so", without(&entries(SIZE), &[0]), &["deleted"]),
        Case::of("all of it", without(&log, &[0, 1, 2]), &["truncated"]),
        Case::of("an entry says so that isn't signed", unsigned, &["edited"]),
        Case::of("hashes of what is gone", turned, &["altered"]),
        Case::of("an entry that is gone itself", without(&said(&of(256), 200), &[0]), &["deleted"]),
    ];
    for (name, details) in [
        ("a number that is written otherwise", json!({ "first": "0512", "root": of(512)["root"] })),
        ("with a sign", json!({ "first": "+512", "root": of(512)["root"] })),
        ("no number", json!({ "first": ["512"], "root": of(512)["root"] })),
        ("no root", json!({ "first": "512" })),
        ("another root's form", json!({ "first": "512", "root": "x" })),
        ("beyond itself", of(SAYS + 1)),
        ("nothing", json!([])),
    ] {
        cases.push(Case::of(name, without(&saying(&details), &[0]), &["deleted"]));
        cases.push(Case::of(name, Files::of(&saying(&details)), &["malformed"]));
    }
    judge(&cases);
}

#[test]
fn an_export_of_a_pruned_log_is_whole_from_where_the_log_says_that_it_begins() {
    let log = saying(&of(512));
    let says = beneath(&log, SAYS);
    let export = |first, says: &Value| {
        let mut lines = export_of(log.clone(), first, None).lines;
        lines[0]["pruned"] = says.clone();
        lines
    };
    let whole = |name, reasons| Case { pruned: Some(512), ..case(name, &export(512, &says), reasons) };
    let mut elsewhere = says.clone();
    elsewhere["leaf_index"] = json!(SAYS - 1);
    judge(&[
        whole("as far as it says", &[]),
        case("all of it is there", &export(0, &says), &[]),
        case("a word of nothing", &export(0, &Value::Null), &[]),
        case("more is left out", &export(513, &says), &["deleted"]),
        case("without its word", &export(512, &Value::Null), &["deleted"]),
        case("another entry's word", &export(512, &beneath(&log, 3)), &["malformed"]),
        case("no proof of its word", &export(512, &json!({ "first": 512 })), &["malformed"]),
        case("a word that stands elsewhere", &export(512, &elsewhere), &["unproven"]),
    ]);
}

#[test]
fn a_pruned_log_is_verified_online_and_copied_without_what_is_gone() {
    let (server, log) = (Server::start(), saying(&of(512)));
    let copy = server.kept.path().join("copy");
    let copy = copy.to_str().unwrap();
    server.serves(&log[..300]);
    assert_eq!(server.verify(&[]).code, 0);
    server.serve(&log, without(&log, &[0, 1]));
    let done = server.verify(&[]);
    let parts = |done| ["from", "pruned", "to", "continues"].map(|name| told(done)[name].clone());
    assert_eq!((done.code, parts(&done)), (0, [512, 512, 600, 300].map(Value::from)), "{done:?}");
    let full = server.verify(&["--full"]);
    assert_eq!((full.code, parts(&full)), (0, [512, 512, 600, 600].map(Value::from)), "{full:?}");
    assert_eq!(parts(&server.verify(&[]))[..3], [512, 0, 600].map(Value::from), "nothing new is missing");

    assert_eq!(server.run(&["audit", "mirror", copy], &[]).code, 0);
    let words = ["verify", copy, "--key", &Key::log().1.to_string()].map(str::to_owned);
    let done = ward_cli::run(&words, None);
    assert!(done.code == 0 && done.said.contains("no longer keeps the entries before 512"), "{done:?}");
    server.serve(&log, without(&log, &[1]));
    let other = server.kept.path().join("other");
    let refused = server.run(&["audit", "mirror", other.to_str().unwrap()], &[]);
    assert_eq!(refused.code, 3, "what is missing behind its beginning was not let go");
}
