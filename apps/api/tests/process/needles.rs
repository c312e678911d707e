use std::fs;
use std::path::Path;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// Values that must not be found anywhere, under any of the forms that they easily take.
#[derive(Default)]
pub(crate) struct Needles(Vec<Needle>);

/// What it is called where it is found, and every form that it takes.
struct Needle(String, Vec<(&'static str, Vec<u8>)>);

impl Needles {
    /// One more; the value is handed back.
    pub(crate) fn add(&mut self, value: &str) -> String {
        self.0.push(Needle(value.to_owned(), forms(value)));
        value.to_owned()
    }

    /// Bytes, which are called something when they are found.
    pub(crate) fn add_bytes(&mut self, name: &str, bytes: &[u8]) {
        let forms = encoded(bytes).into_iter().chain([("clear", bytes.to_vec())]);
        self.0.push(Needle(name.to_owned(), forms.collect()));
    }

    /// Something to look for them with, whatever the case of their letters.
    pub(crate) fn search(&self) -> Search<'_> {
        let forms: Vec<_> = self
            .0
            .iter()
            .flat_map(|Needle(name, forms)| forms.iter().map(move |form| (name.as_str(), form)))
            .collect();
        let mut builder = AhoCorasick::builder();
        let automaton =
            builder.ascii_case_insensitive(true).build(forms.iter().map(|(_, (_, bytes))| bytes)).unwrap();
        let names = forms.into_iter().map(|(value, (form, _))| (value, *form)).collect();
        Search { automaton, names }
    }
}

pub(crate) struct Search<'a> {
    automaton: AhoCorasick,
    names: Vec<(&'a str, &'static str)>,
}

impl Search<'_> {
    /// What of them is in `text`: the value and its form.
    pub(crate) fn of(&self, text: &[u8]) -> Vec<(&str, &'static str)> {
        let mut found: Vec<_> = self
            .automaton
            .find_overlapping_iter(text)
            .map(|hit| self.names[hit.pattern().as_usize()])
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The same of every file below a directory; each is named with what it holds.
    pub(crate) fn below(&self, directory: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() {
                found.extend(self.below(&path));
            } else if kind.is_file() {
                let held = fs::read(&path).unwrap();
                found.extend(self.of(&held).iter().map(|hit| format!("{}: {hit:?}", path.display())));
            }
        }
        found
    }
}

/// A digest without a key is a form too: whoever guesses right can tell.
fn forms(value: &str) -> Vec<(&'static str, Vec<u8>)> {
    let (bytes, digest) = (value.as_bytes(), Sha256::digest(value));
    let mut forms = vec![
        ("clear", bytes.to_vec()),
        ("URL", percent(value, "%20").into_bytes()),
        ("form", percent(value, "+").into_bytes()),
        ("SHA-256", digest.to_vec()),
        ("SHA-256 in hex", hex::encode(digest).into_bytes()),
    ];
    forms.extend(encoded(bytes));
    forms
}

/// How bytes are written where only text may stand.
fn encoded(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![("hex", hex::encode(bytes).into_bytes())];
    // What base64 makes of it depends on where it begins in a group of three.
    for before in 0..3 {
        let padded = [&vec![0; before], bytes].concat();
        let (first, last) = ([0, 2, 3][before], padded.len() * 8 / 6);
        for (name, engine) in [("base64", &STANDARD_NO_PAD), ("base64url", &URL_SAFE_NO_PAD)] {
            forms.push((name, engine.encode(&padded)[first..last].into()));
        }
    }
    forms
}

/// As a query holds it.
pub(crate) fn percent(value: &str, space: &str) -> String {
    let each = |byte: u8| match byte {
        b' ' => space.to_owned(),
        byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    value.bytes().map(each).collect()
}

#[test]
fn a_value_is_found_in_every_form() {
    let mut needles = Needles::default();
    let value = needles.add("ada lovelace@example.org");
    let search = needles.search();
    for before in ["", "x", "xy", "xyz"] {
        let around = format!("{before}{value}{before}");
        for (form, text) in [
            ("clear", around.to_uppercase()),
            ("URL", "?email=ada%20lovelace%40example.org".into()),
            ("form", "email=ada+lovelace%40example.org".into()),
            ("hex", hex::encode(around.as_bytes()).to_uppercase()),
            ("base64", STANDARD_NO_PAD.encode(&around)),
            ("base64url", URL_SAFE_NO_PAD.encode(&around)),
            ("SHA-256 in hex", hex::encode(Sha256::digest(&value))),
        ] {
            assert!(search.of(text.as_bytes()).contains(&(value.as_str(), form)), "{form}: {text}");
        }
    }
    assert!(search.of(b"ada lovelace at example.org").is_empty());
}
