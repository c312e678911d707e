//! SECURITY: every attack on a log that a verifier sees, at places that are drawn.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ward_audit::note::{Checkpoint, KeyKind};
use ward_audit::tree::TileKind;

use crate::clean::SIZES;
use crate::forge::{Dice, Files, Key, ORIGIN, entries, entry, head, place, signed, state};
use crate::judges::{Case, judge};

/// So many logs of each size are tampered with in each way; `WARD_TEST_ROUNDS` asks for more.
fn rounds() -> u64 {
    std::env::var("WARD_TEST_ROUNDS").map_or(5, |rounds| rounds.parse().unwrap())
}

/// What is done to the entries behind the checkpoint, with the tiles of hashes left as they were.
#[test]
fn entries_that_are_not_the_signed_ones_are_told_by_how_they_differ() {
    let mut cases = Vec::new();
    for (size, seed) in drawn() {
        let (sound, mut dice) = (entries(size), Dice(seed));
        let at = dice.below(size);
        let mut add = |name: &str, entries: &[Vec<u8>], reasons: &[&'static str]| {
            let mut files = Files::of(&sound);
            files.bring(entries, size);
            cases.push(Case::of(format!("{name} {at} of {size}, {seed}"), files, reasons));
        };
        let mut edited = sound.clone();
        dice.turn(&mut edited[at]);
        add("edit", &edited, &["edited"]);

        let mut deleted = sound.clone();
        deleted.remove(at);
        add("delete", &deleted, &[if at + 1 == size { "truncated" } else { "deleted" }]);

        let mut inserted = sound.clone();
        inserted.insert(at, entry(size, at as i64));
        add("insert before", &inserted, &["inserted"]);
        let appended = [sound.clone(), vec![entry(size, size as i64 * 2)]].concat();
        add("append", &appended, &["inserted"]);

        add("truncate", &sound[..at], &["truncated"]);
        let to = dice.below(size);
        if to != at {
            let mut swapped = sound.clone();
            swapped.swap(at, to);
            add("swap", &swapped, &["reordered"]);
            let mut moved = sound.clone();
            let entry = moved.remove(at);
            moved.insert(to, entry);
            add("move", &moved, &["reordered"]);
        }
    }
    judge(&cases);
}

/// The tiles of hashes are made to fit: only the root can tell.
#[test]
fn a_log_whose_tiles_were_made_to_fit_is_refused() {
    let mut cases = Vec::new();
    for (size, seed) in drawn() {
        let (sound, mut dice) = (entries(size), Dice(seed));
        let at = dice.below(size);
        let mut edited = sound.clone();
        dice.turn(&mut edited[at]);
        let mut files = Files::of(&edited);
        files.vouch(&signed(&sound, &Key::log()));
        cases.push(Case::of(format!("edit {at} of {size}, {seed}"), files, &["altered"]));

        // Entries and tiles changed, but not alike.
        let mut files = Files::of(&edited);
        let to = dice.below(size);
        let mut other = sound.clone();
        dice.turn(&mut other[to]);
        files.bring(&other, size);
        let mut foreign = sound.clone();
        foreign.push(entry(size, 0));
        files.vouch(&signed(&foreign[1..], &Key::log()));
        cases.push(Case::of(format!("edit {at} and {to} of {size}, {seed}"), files, &["altered"]));

        // The head counts an entry more than its root is over.
        let more = [sound.clone(), vec![entry(size, size as i64 * 2)]].concat();
        let mut files = Files::of(&more);
        files.bring(&sound, size + 1);
        let mut note = Checkpoint { root: head(&sound).root, ..head(&more) }.note();
        note.sign(&Key::log()).unwrap();
        files.vouch(&note);
        cases.push(Case::of(format!("one more than {size}"), files, &["altered"]));

        let mut files = Files::of(&sound[..at]);
        files.vouch(&signed(&sound, &Key::log()));
        cases.push(Case::of(format!("truncate {at} of {size}, {seed}"), files, &["truncated"]));
    }
    judge(&cases);
}

#[test]
fn a_tile_that_is_missing_or_turned_is_found() {
    let mut cases = Vec::new();
    for (size, seed) in drawn() {
        let (sound, mut dice) = (Files::of(&entries(size)), Dice(seed));
        let paths: Vec<_> = sound.0.keys().filter(|path| path.starts_with("tile/")).cloned().collect();
        let path = &paths[dice.below(paths.len())];
        let last = (size - 1) / 256;
        let is_last =
            *path == place(TileKind::Entries, last, size) || *path == place(TileKind::Hashes(0), last, size);
        let missing = match (path.starts_with("tile/entries/"), is_last) {
            (_, true) => "truncated",
            (true, false) => "deleted",
            (false, false) => "gap",
        };
        let mut files = sound.clone();
        files.0.remove(path);
        cases.push(Case::of(format!("{path} of {size} is missing"), files, &[missing]));

        let mut files = sound.clone();
        dice.turn(files.0.get_mut(path).unwrap());
        let turned: &[_] = if path.starts_with("tile/entries/") {
            &["edited", "malformed", "deleted", "inserted", "reordered", "truncated"]
        } else {
            &["wrong-tile"]
        };
        cases.push(Case::of(format!("{path} of {size} is turned, {seed}"), files, turned));

        let mut files = sound.clone();
        files.0.get_mut(path).unwrap().push(0);
        cases.push(Case::of(format!("{path} of {size} is too long"), files, &["malformed"]));
    }
    judge(&cases);
}

/// Whoever has the log's key contradicts what was seen before.
#[test]
fn a_log_that_does_not_contain_what_was_seen_is_refused() {
    let mut cases = Vec::new();
    for (size, seed) in drawn() {
        let (sound, mut dice) = (entries(size), Dice(seed));
        let at = dice.below(size);
        let mut other = sound.clone();
        other[at] = entry(size + at, at as i64 * 2);
        for known in [at + 1, size] {
            let seen = state(&signed(&sound[..known], &Key::log()));
            let name = format!("written anew at {at} of {size}, after {known}");
            cases.push(Case::of(name, Files::of(&other), &["forked"]).with("state", seen));
        }
        let seen = state(&signed(&sound, &Key::log()));
        let name = format!("{at} entries after {size}");
        cases.push(Case::of(name, Files::of(&sound[..at]), &["rolled-back"]).with("state", seen));
    }
    judge(&cases);
}

#[test]
fn a_checkpoint_that_no_trusted_key_has_signed_as_it_stands_is_refused() {
    let mut cases = Vec::new();
    for (size, seed) in drawn() {
        let (sound, mut dice) = (entries(size), Dice(seed));
        let mut files = Files::of(&sound);
        files.vouch(&signed(&sound, &Key::foreign()));
        cases.push(Case::of(format!("{size} signed anew"), files, &["foreign-key"]));

        let mut files = Files::of(&sound);
        dice.turn(files.0.get_mut("checkpoint").unwrap());
        let reasons = ["malformed", "bad-signature", "foreign-key"];
        cases.push(Case::of(format!("checkpoint of {size} turned, {seed}"), files, &reasons));

        // The foreign key's signature under the trusted one's name and id.
        let line = |key: &Key| signed(&sound, key).signatures()[0].to_string();
        let (trusted, foreign) = (line(&Key::log()), line(&Key::foreign()));
        let bytes = |line: &str| STANDARD.decode(line.rsplit_once(' ').unwrap().1).unwrap();
        let posing = [&bytes(&trusted)[..4], &bytes(&foreign)[4..]].concat();
        let posing = format!("— {ORIGIN} {}", STANDARD.encode(posing));
        let mut files = Files::of(&sound);
        let note = format!("{}\n{posing}\n", head(&sound));
        files.0.insert("checkpoint".into(), note.into_bytes());
        cases.push(Case::of(format!("{size} signed by somebody who poses"), files, &["bad-signature"]));

        let other = Key::new("ward.example/other", KeyKind::Note, 3);
        let mut files = Files::of(&sound);
        files.vouch(&signed(&sound, &other));
        let mut case = Case::of(format!("{size} signed with another log's key"), files, &["foreign-key"]);
        case.options.extend(["--key".into(), other.1.to_string()]);
        cases.push(case);

        let mut note = signed(&sound, &Key::log());
        note.cosign(&Key::witness(), 1_795_000_000).unwrap();
        let line = note.signatures()[1].to_string();
        let mut case = Case::of(format!("{size} cosigned twice by one"), Files::of(&sound), &["unwitnessed"]);
        case.files.0.insert("checkpoint".into(), format!("{note}{line}\n").into_bytes());
        let second = Key::new("second.example", KeyKind::Cosignature, 4);
        case.options.extend(["--witness".into(), Key::witness().1.to_string()]);
        case.options.extend(["--witness".into(), second.1.to_string()]);
        cases.push(case);

        let mut case = Case::of(format!("{size} not cosigned"), Files::of(&sound), &["unwitnessed"]);
        case.options.extend(["--witness".into(), Key::witness().1.to_string()]);
        cases.push(case);
    }
    judge(&cases);
}

/// The log's key has signed what it must not.
#[test]
fn signed_entries_that_break_the_logs_own_rules_are_found() {
    let mut cases = Vec::new();
    for (size, seed) in drawn().filter(|(size, _)| *size > 1) {
        let (sound, mut dice) = (entries(size), Dice(seed));
        let at = 1 + dice.below(size - 1);
        let text = String::from_utf8(sound[at].clone()).unwrap();
        let before = 2 * at as i64 - 2 - if (at - 1) % 7 == 3 { 600 } else { 0 };
        let latest = if at > 1 { before.max(2 * at as i64 - 4) } else { before };
        for (reason, entry) in [
            ("back-dated", entry(at, latest - 601)),
            ("duplicated", entry(at - 1, 2 * at as i64)),
            ("not-canonical", text.replace(",\"event", ", \"event").into_bytes()),
            ("not-canonical", text.replace("\"3 ", "3,\"").into_bytes()),
            ("not-canonical", text.replace("\"action\"", "\"zction\"").into_bytes()),
            ("not-canonical", text.replace("3 é", "\u{1}\u{e9}").into_bytes()),
            ("not-canonical", sound[at][..10].to_vec()),
            ("malformed", text.replace("\"id\":", "\"ie\":").into_bytes()),
            ("malformed", text.replace("Z\"", "z\"").into_bytes()),
            ("foreign-tenant", text.replace("00000000000a", "00000000000b").into_bytes()),
        ] {
            let mut signed = sound.clone();
            signed[at] = entry;
            cases.push(Case::of(format!("{reason} {at} of {size}"), Files::of(&signed), &[reason]));
        }
    }
    judge(&cases);
}

fn drawn() -> impl Iterator<Item = (usize, u64)> {
    SIZES.into_iter().flat_map(|size| (0..rounds()).map(move |round| (size, size as u64 * 10_000 + round)))
}
