//! Proofs of exports, tampered with.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use ward_audit::tree::Hash;

use crate::clean::SIZES;
use crate::forge::{Dice, Key, TENANT, consistency, entries, entry, leaves, proof, signed, state};
use crate::judges::{Case, judge};

const FILE: &[u8] = b"what was exported";

/// A log that says what was exported of it, and the lines that prove it.
pub(crate) struct Export {
    pub(crate) log: Vec<Vec<u8>>,
    pub(crate) lines: Vec<Value>,
}

/// The export of the first `size` entries, of those between two times if some are given.
fn export(size: usize, times: Option<(&str, &str)>) -> Export {
    export_of(entries(size + 1), 0, times) // one came after the export began
}

/// The export of all entries from `first` on, but the last.
pub(crate) fn export_of(mut log: Vec<Vec<u8>>, first: usize, times: Option<(&str, &str)>) -> Export {
    let size = log.len() - 1;
    let (from, to) = times.unzip();
    let within = |index: &usize| {
        let said: Value = serde_json::from_slice(&log[*index]).unwrap();
        let at = said["at"].as_str().unwrap().to_owned();
        from.is_none_or(|from| *at >= *from) && to.is_none_or(|to| *at < *to)
    };
    let chosen: Vec<_> = (first..size).rev().filter(within).collect();
    let asked = json!({ "format": "csv", "raw": false, "from": from, "to": to, "size": size });
    let mut lines = vec![json!({ "export": asked, "checkpoint": signed(&log, &Key::log()).to_string() })];
    for &index in &chosen {
        lines.push(beneath(&log, index));
    }
    let mut details = json!({
        "count": chosen.len().to_string(), "format": "csv", "sha256": hex(FILE), "size": size.to_string(),
    });
    for (name, time) in [("from", from), ("to", to)] {
        if let Some(time) = time {
            details[name] = json!(time);
        }
    }
    let before = leaves(&log);
    log.push(completed(size, &details));
    let consistency: Vec<_> =
        consistency(before.len(), &leaves(&log)).iter().map(ToString::to_string).collect();
    lines.push(json!({ "completed": proof(&log, size + 1), "consistency": consistency }));
    Export { log, lines }
}

/// The proof of an entry under a checkpoint that is known.
pub(crate) fn beneath(log: &[Vec<u8>], index: usize) -> Value {
    let mut line = proof(log, index);
    line.as_object_mut().unwrap().retain(|name, _| !["checkpoint", "tree_size"].contains(&name.as_str()));
    line
}

fn completed(size: usize, details: &Value) -> Vec<u8> {
    let said = json!({ "action": "audit.export_completed", "details": details, "id": said_id(size), "tenant": TENANT });
    json!({ "at": "2026-12-31T00:00:00.000000Z", "event": said }).to_string().into_bytes()
}

fn said_id(size: usize) -> String {
    format!("0190a000-0000-7000-9000-{size:012x}")
}

fn hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn text(lines: &[Value]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

pub(crate) fn case(name: &str, lines: &[Value], reasons: &[&'static str]) -> Case {
    Case::proof(name, text(lines), reasons)
}

/// A time between those of the forged entries.
fn time(second: i64) -> String {
    let at = chrono::DateTime::from_timestamp(1_795_000_000 + second, 0).unwrap();
    at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[test]
fn a_sound_export_is_verified_whole_or_in_part_with_its_file_and_without() {
    let mut cases = Vec::new();
    for size in SIZES.into_iter().chain([0]) {
        let whole = export(size, None);
        cases.push(case("whole", &whole.lines, &[]));
        cases.push(case("with its file", &whole.lines, &[]).with("export", FILE.to_vec()));
        let seen = |entries: &[Vec<u8>]| state(&signed(entries, &Key::log()));
        cases.push(case("seen", &whole.lines, &[]).with("state", seen(&whole.log[..size + 1])));
        cases.push(case("replayed", &whole.lines, &["rolled-back"]).with("state", seen(&whole.log)));
        let (from, to) = (time(size as i64 / 2), time(size as i64 * 2));
        cases.push(case("part", &export(size, Some((&from, &to))).lines, &[]));
    }
    judge(&cases);
}

#[test]
fn an_export_that_is_not_what_was_exported_is_refused_with_the_reason() {
    let (from, to) = (time(50), time(400));
    let mut cases = Vec::new();
    for sound in [export(300, None), export(300, Some((&from, &to)))] {
        let but = |change: &dyn Fn(&mut Vec<Value>)| {
            let mut lines = sound.lines.clone();
            change(&mut lines);
            lines
        };
        let other = String::from_utf8(entry(999, 60)).unwrap();
        let foreign = signed(&sound.log[..301], &Key::foreign()).to_string();
        for (name, reason, lines) in [
            ("a line less", "deleted", but(&|lines| drop(lines.remove(7)))),
            ("the last line less", "deleted", but(&|lines| drop(lines.remove(lines.len() - 2)))),
            ("a line twice", "reordered", but(&|lines| lines.insert(7, lines[7].clone()))),
            ("another entry", "edited", but(&|lines| lines[7]["entry"] = json!(other))),
            (
                "another hash",
                "malformed",
                but(&|lines| lines[7]["leaf_hash"] = json!(Hash([7; 32]).to_string())),
            ),
            ("another place", "unproven", but(&|lines| lines[7]["leaf_index"] = json!(1))),
            ("no path", "unproven", but(&|lines| lines[7]["path"] = json!([]))),
            ("no end", "truncated", but(&|lines| drop(lines.pop()))),
            ("something after its end", "malformed", but(&|lines| lines.push(lines[7].clone()))),
            ("a foreign key", "foreign-key", but(&|lines| lines[0]["checkpoint"] = json!(foreign))),
            ("another format", "malformed", but(&|lines| lines[0]["export"]["format"] = json!("fhir"))),
            ("raw", "malformed", but(&|lines| lines[0]["export"]["raw"] = json!(true))),
            ("beyond the log", "malformed", but(&|lines| lines[0]["export"]["size"] = json!(302))),
            ("no time", "malformed", but(&|lines| lines[0]["export"]["from"] = json!("yesterday"))),
            (
                "no consistency",
                "malformed",
                but(&|lines| lines.last_mut().unwrap()["consistency"] = json!(null)),
            ),
            (
                "too little of it",
                "unproven",
                but(&|lines| lines.last_mut().unwrap()["consistency"] = json!([])),
            ),
        ] {
            cases.push(case(name, &lines, &[reason]));
        }
        cases.push(case("another file", &sound.lines, &["other-file"]).with("export", b"another".to_vec()));
    }
    judge(&cases);
}

#[test]
fn an_export_may_not_leave_out_or_add_what_the_log_did_not() {
    let (from, to) = (time(50), time(400));
    let (whole, part) = (export(300, None), export(300, Some((&from, &to))));
    let mut cases = Vec::new();
    // The head of a part over the lines of the whole, and the other way round.
    let mut mixed = part.lines.clone();
    mixed.splice(1..mixed.len() - 1, whole.lines[1..301].iter().cloned());
    cases.push(case("entries of other times", &mixed, &["malformed"]));
    let mut mixed = whole.lines.clone();
    mixed.splice(1..301, part.lines[1..part.lines.len() - 1].iter().cloned());
    cases.push(case("entries left out", &mixed, &["deleted"]));
    let mut shorter = part.lines.clone();
    shorter.last_mut().unwrap()["completed"] = whole.lines.last().unwrap()["completed"].clone();
    cases.push(case("what the log says of another export", &shorter, &["unproven", "malformed"]));
    let mut unsaid = whole.lines.clone();
    unsaid.last_mut().unwrap()["completed"] = proof(&whole.log, 5);
    cases.push(case("an entry that says nothing of it", &unsaid, &["malformed"]));
    judge(&cases);
}

#[test]
fn an_export_with_any_byte_turned_is_refused() {
    const ANY: [&str; 9] = [
        "malformed",
        "bad-signature",
        "foreign-key",
        "unproven",
        "edited",
        "deleted",
        "reordered",
        "truncated",
        "inserted",
    ];
    let mut cases = Vec::new();
    for n in 0..150 {
        let mut bytes = text(&export(1 + n as usize % 5, None).lines);
        // Not the line feed at its end, without which it is the same.
        let end = bytes.pop().unwrap();
        Dice(n).turn(&mut bytes);
        bytes.push(end);
        cases.push(Case::proof(format!("{n}"), bytes, &ANY));
    }
    judge(&cases);
}

#[test]
fn an_export_that_not_every_reader_of_json_takes_is_malformed() {
    let sound = export(1, None).lines;
    let beside = |at: usize, member: &str| {
        let lines = sound.iter().enumerate();
        let begun = lines.map(|(n, line)| {
            if n == at { format!("{{{member},{}\n", &line.to_string()[1..]) } else { format!("{line}\n") }
        });
        begun.collect::<String>().into_bytes()
    };
    let mut cases = Vec::new();
    for line in 0..sound.len() {
        cases.push(Case::proof("a great number", beside(line, r#""more":1e308"#), &[]));
        cases.push(Case::proof("too great a number", beside(line, r#""more":1e999"#), &["malformed"]));
    }
    let long = beside(0, r#""pruned":99999999999999999999"#);
    cases.push(Case::proof("an integer for a beginning", long, &["malformed"]));
    let long =
        String::from_utf8(text(&sound)).unwrap().replacen(r#""to":null"#, r#""to":99999999999999999999"#, 1);
    cases.push(Case::proof("an integer for a time", long.into_bytes(), &["malformed"]));
    let mut listed = sound.clone();
    listed[0]["export"] =
        ["format", "raw", "from", "to", "size"].map(|name| sound[0]["export"][name].clone()).into();
    cases.push(case("what was asked for, as a list", &listed, &["malformed"]));
    judge(&cases);
}
