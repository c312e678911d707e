//! Proofs of single entries, tampered with.

use serde_json::{Value, json};
use ward_audit::tree::Hash;

use crate::clean::SIZES;
use crate::forge::{Dice, Key, bundle, entries, entry, head, proof, signed, state};
use crate::judges::{Case, judge};

const ANY: [&str; 5] = ["malformed", "bad-signature", "foreign-key", "unproven", "edited"];

#[test]
fn a_proof_with_any_byte_turned_is_refused() {
    let mut cases = Vec::new();
    for (n, size) in SIZES.into_iter().cycle().take(160).enumerate() {
        let (entries, mut dice) = (entries(size), Dice(n as u64));
        let index = dice.below(size);
        let forms = [proof(&entries, index).to_string(), bundle(&entries, index).to_string()];
        for form in forms {
            let mut bytes = form.into_bytes();
            dice.turn(&mut bytes);
            cases.push(Case::proof(format!("{index} of {size}, {n}"), bytes, &ANY));
        }
    }
    judge(&cases);
}

#[test]
fn a_proof_of_something_else_is_refused_with_the_reason() {
    let mut cases = Vec::new();
    for size in SIZES.into_iter().filter(|size| *size > 1) {
        let entries = entries(size);
        let index = size / 2;
        let but = |field: &str, value: Value| {
            let mut proof = proof(&entries, index);
            proof[field] = value;
            proof.to_string().into_bytes()
        };
        let other = String::from_utf8(entry(size, index as i64)).unwrap();
        let foreign = signed(&entries, &Key::foreign()).to_string();
        for (field, value, reason) in [
            ("entry", json!(other), "edited"),
            ("leaf_hash", json!(Hash([7; 32]).to_string()), "malformed"),
            ("tree_size", json!(size + 1), "malformed"),
            ("leaf_index", json!(index - 1), "unproven"),
            ("leaf_index", json!(size), "unproven"),
            ("leaf_index", json!(index as f64), "malformed"),
            ("leaf_index", json!(-1), "malformed"),
            ("path", json!([]), "unproven"),
            ("path", json!([1]), "malformed"),
            ("checkpoint", json!(foreign), "foreign-key"),
            ("checkpoint", json!(head(&entries).to_string()), "malformed"),
        ] {
            cases.push(Case::proof(format!("{field} of {size}: {value}"), but(field, value), &[reason]));
        }
        let text = proof(&entries, index).to_string();
        let beside = Case::proof("another entry beside it", text.clone().into_bytes(), &["edited"]);
        cases.push(beside.with("entry", other.clone().into_bytes()));
        let beside = Case::proof(
            "another entry beside it",
            bundle(&entries, index).to_string().into_bytes(),
            &["unproven"],
        );
        cases.push(beside.with("entry", other.into_bytes()));
    }
    judge(&cases);
}

#[test]
fn an_old_proof_is_refused_where_something_newer_was_seen() {
    let mut cases = Vec::new();
    for size in SIZES {
        let grown = entries(size + 3);
        let seen = |entries: &[Vec<u8>]| state(&signed(entries, &Key::log()));
        let text = proof(&grown[..size], size - 1).to_string().into_bytes();
        cases.push(Case::proof("replayed", text.clone(), &["rolled-back"]).with("state", seen(&grown)));
        cases.push(Case::proof("seen", text.clone(), &[]).with("state", seen(&grown[..size])));
        cases.push(Case::proof("newer", text.clone(), &[]).with("state", seen(&grown[..size - 1])));
        let mut other = grown[..size].to_vec();
        other[0] = entry(size + 9, 0);
        cases.push(Case::proof("forked", text, &["forked"]).with("state", seen(&other)));
    }
    judge(&cases);
}

#[test]
fn an_entry_that_the_log_should_not_have_signed_is_found_in_its_proof() {
    let mut entries = entries(5);
    let text = String::from_utf8(entries[2].clone()).unwrap();
    let mut cases = Vec::new();
    for (reason, entry) in [
        ("foreign-tenant", text.replace("00000000000a", "00000000000b")),
        ("not-canonical", format!("{text} ")),
        ("malformed", text.replace("\"id\":", "\"ie\":")),
    ] {
        entries[2] = entry.into_bytes();
        cases.push(Case::proof(reason, proof(&entries, 2).to_string().into_bytes(), &[reason]));
        cases.push(Case::proof(reason, bundle(&entries, 2).to_string().into_bytes(), &[reason]));
    }
    judge(&cases);
}

/// What the proof says beside what it needs is nobody's business, as long as every reader of JSON can read it.
#[test]
fn a_proof_that_not_every_reader_of_json_takes_is_malformed() {
    let entries = entries(5);
    let text = proof(&entries, 2).to_string();
    let (nines, deep) = ("9".repeat(400), |levels| ["[".repeat(levels), "]".repeat(levels)].concat());
    let (sound, malformed): (&[_], &[_]) = (&[], &["malformed"]);
    let mut cases = Vec::new();
    for (name, member, reasons) in [
        (
            "a great number",
            r#""more":[1e308,-1.5e308,1e-999,0e999,-0,18446744073709551616]"#.to_owned(),
            sound,
        ),
        ("too great a number", r#""more":1e999"#.to_owned(), malformed),
        ("too small a number", r#""more":-1e999"#.to_owned(), malformed),
        ("one that comes by its digits", format!(r#""more":1{nines}e-200"#), sound),
        ("a long integer", format!(r#""more":{}"#, &nines[..308]), sound),
        ("too long an integer", format!(r#""more":{nines}"#), malformed),
        ("one below zero", format!(r#""more":-{nines}"#), malformed),
        ("none", r#""more":NaN"#.to_owned(), malformed),
        ("126 lists", format!(r#""more":{}"#, deep(126)), sound),
        ("127 lists", format!(r#""more":{}"#, deep(127)), malformed),
        ("900 lists", format!(r#""more":{}"#, deep(900)), malformed),
        ("100,000 lists", format!(r#""more":{}"#, deep(100_000)), malformed),
        ("brackets in a text", format!(r#""more":"\\\"{}""#, deep(900)), sound),
        ("deep, and then not", format!(r#""more":{},"more":1"#, deep(127)), malformed),
        ("half a letter", r#""more":"\ud800""#.to_owned(), malformed),
        ("half a letter, and then not", r#""more":"\ud800","more":1"#.to_owned(), malformed),
        ("a place, and then another", r#""leaf_index":1,"leaf_index":2"#.to_owned(), sound),
    ] {
        let text = format!("{},{member}}}", text.strip_suffix('}').unwrap());
        cases.push(Case::proof(name, text.into_bytes(), reasons));
    }
    judge(&cases);
}
