//! The verifier against a server, whose log grows and is tampered with.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use ward_audit::tree::{Hash, Path};
use ward_cli::Done;

use crate::forge::{Files, Key, ORIGIN, entries, entry, leaves, root, signed};

const API_KEY: &str = "a-key-that-only-a-test-has";

/// What a server answers, and what it was asked.
#[derive(Default)]
struct Served {
    files: Files,
    leaves: Vec<Hash>,
    asked: Vec<String>,
    /// Answers once with this first.
    first: Option<String>,
}

pub(crate) struct Server {
    served: Arc<Mutex<Served>>,
    url: String,
    pub(crate) kept: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = Arc::<Mutex<Served>>::default();
        let shared = Arc::clone(&served);
        std::thread::spawn(move || {
            listener.incoming().for_each(|stream| drop(answer(&stream.unwrap(), &shared)));
        });
        Self { served, url, kept: TempDir::new().unwrap() }
    }

    pub(crate) fn serve(&self, entries: &[Vec<u8>], files: Files) {
        *self.served.lock().unwrap() = Served { files, leaves: leaves(entries), ..Served::default() };
    }

    pub(crate) fn serves(&self, entries: &[Vec<u8>]) {
        self.serve(entries, Files::of(entries));
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.served.lock().unwrap().asked.clone()
    }

    fn state(&self) -> String {
        self.kept.path().join("state").to_str().unwrap().to_owned()
    }

    pub(crate) fn run(&self, command: &[&str], more: &[&str]) -> Done {
        self.plain(&[command, &["--json"], more].concat())
    }

    pub(crate) fn plain(&self, command: &[&str]) -> Done {
        let words = [command, &["--url", &self.url]].concat();
        ward_cli::run(&words.into_iter().map(str::to_owned).collect::<Vec<_>>(), Some(API_KEY.into()))
    }

    pub(crate) fn verify(&self, more: &[&str]) -> Done {
        let (key, state) = (Key::log().1.to_string(), self.state());
        self.run(&["audit", "verify"], &[&["--key", &key, "--state", &state], more].concat())
    }
}

/// Answers what one connection asks.
fn answer(mut stream: &TcpStream, served: &Mutex<Served>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let (status, body) = served.lock().unwrap().reply(&head);
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len())?;
        stream.write_all(&body)?;
    }
}

impl Served {
    fn reply(&mut self, head: &str) -> (String, Vec<u8>) {
        let path = head.split(' ').nth(1).unwrap().to_owned();
        self.asked.push(path.clone());
        if !head.to_ascii_lowercase().contains(&format!("x-api-key: {API_KEY}\r\n")) {
            return ("401 Unauthorized".into(), Vec::new());
        }
        if let Some(first) = self.first.take() {
            return (first, Vec::new());
        }
        let path = path.strip_prefix("/v1/audit/").unwrap();
        let body = match path.strip_prefix("consistency?from=") {
            Some(sizes) => Some(self.consistency(sizes)),
            None => self.files.0.get(path.strip_suffix("?witnessed=true").unwrap_or(path)).cloned(),
        };
        body.map_or(("404 Not Found".into(), Vec::new()), |body| ("200 OK".into(), body))
    }

    fn consistency(&self, sizes: &str) -> Vec<u8> {
        let (from, to) = sizes.split_once("&to=").unwrap();
        let (from, to): (u64, u64) = (from.parse().unwrap(), to.parse().unwrap());
        let complete = |node: ward_audit::tree::Node| {
            let (first, many) = ((node.index << node.level) as usize, 1 << node.level);
            self.leaves.get(first..first + many).map(root)
        };
        let path = Path::consistency(from, to).unwrap().hashes(complete).unwrap();
        let path: Vec<_> = path.iter().map(ToString::to_string).collect();
        json!({ "from": from, "to": to, "path": path }).to_string().into_bytes()
    }
}

pub(crate) fn said(done: &Done) -> Value {
    serde_json::from_str(&done.said).unwrap_or_default()
}

fn refused(done: &Done) -> String {
    assert_eq!(done.code, 1, "{done:?}");
    said(done)["reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_log_that_grows_is_verified_from_what_was_seen() {
    let (server, entries) = (Server::start(), entries(700));
    server.serves(&entries[..300]);
    let first = server.verify(&[]);
    assert_eq!((first.code, &said(&first)["continues"]), (0, &Value::Null), "{first:?}");
    let mode = std::fs::metadata(server.state()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept: Value = serde_json::from_slice(&std::fs::read(server.state()).unwrap()).unwrap();
    let kept = kept["logs"][ORIGIN]["checkpoint"].as_str().unwrap();
    assert_eq!(kept, signed(&entries[..300], &Key::log()).to_string());

    server.serves(&entries);
    let second = server.verify(&[]);
    assert_eq!(
        (second.code, &said(&second)["continues"], &said(&second)["from"]),
        (0, &json!(300), &json!(256))
    );
    let asked = server.asked();
    assert!(!asked.iter().any(|path| path.ends_with("tile/entries/000")), "{asked:?}");
    assert!(asked.iter().any(|path| path.ends_with("consistency?from=300&to=700")), "{asked:?}");

    assert_eq!(server.verify(&[]).code, 0, "the same again");
    assert_eq!(said(&server.verify(&["--full"]))["from"], 0);
}

#[test]
fn what_contradicts_what_was_seen_is_refused_and_not_remembered() {
    let (server, entries) = (Server::start(), entries(300));
    server.serves(&entries);
    assert_eq!(server.verify(&[]).code, 0);
    let kept = std::fs::read(server.state()).unwrap();

    server.serves(&entries[..299]);
    assert_eq!(refused(&server.verify(&[])), "rolled-back");
    let mut other = entries.clone();
    other[17] = entry(900, 30);
    server.serves(&other);
    assert_eq!(refused(&server.verify(&[])), "forked");
    other.push(entry(901, 600));
    server.serves(&other);
    assert_eq!(refused(&server.verify(&[])), "forked");
    let mut files = Files::of(&entries);
    files.vouch(&signed(&entries, &Key::foreign()));
    server.serve(&entries, files);
    assert_eq!(refused(&server.verify(&[])), "foreign-key");
    let grown = [entries.clone(), vec![entry(902, 600)]].concat();
    server.serve(&other, Files::of(&grown));
    assert_eq!(refused(&server.verify(&[])), "unproven", "a proof of consistency that proves nothing");

    assert_eq!(std::fs::read(server.state()).unwrap(), kept);
    server.serves(&grown);
    assert_eq!(server.verify(&[]).code, 0);
    assert_eq!(std::fs::read_dir(server.kept.path()).unwrap().count(), 1, "nothing is left beside the state");
}

#[test]
fn a_log_is_held_against_a_checkpoint_that_was_kept_and_that_stays_as_it_is() {
    let (server, entries) = (Server::start(), entries(700));
    let (kept, copy) = (server.kept.path().join("300.checkpoint"), server.kept.path().join("copy"));
    let note = signed(&entries[..300], &Key::log()).to_string();
    std::fs::write(&kept, &note).unwrap();
    let (key, kept) = (Key::log().1.to_string(), kept.to_str().unwrap());
    let since = ["--key", &key, "--since", kept];
    let online = |more: &[&str]| server.run(&["audit", "verify"], &[&since[..], more].concat());
    let offline = || {
        let words = [&["verify", copy.to_str().unwrap(), "--json"], &since[..]].concat();
        ward_cli::run(&words.into_iter().map(str::to_owned).collect::<Vec<_>>(), None)
    };
    let mirror = || assert_eq!(server.run(&["audit", "mirror", copy.to_str().unwrap()], &[]).code, 0);

    server.serves(&entries);
    mirror();
    for done in [online(&[]), offline()] {
        assert_eq!((done.code, &said(&done)["continues"]), (0, &json!(300)), "{done:?}");
    }
    assert_eq!(said(&online(&[]))["from"], 256, "what it counts is not read again");
    assert_eq!(online(&["--state", &server.state()]).code, 2);

    std::fs::remove_dir_all(&copy).unwrap();
    let mut other = entries.clone();
    other[17] = entry(900, 30);
    server.serves(&other);
    mirror();
    assert_eq!((refused(&online(&[])), refused(&offline())), ("forked".into(), "forked".into()));
    server.serves(&entries[..299]);
    assert_eq!(refused(&online(&[])), "rolled-back");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), note);
    std::fs::write(kept, signed(&entries[..300], &Key::foreign()).to_string()).unwrap();
    assert_eq!(refused(&online(&[])), "foreign-key");
}

#[test]
fn the_latest_time_is_remembered_beyond_the_entries_that_are_read_again() {
    let (server, entries) = (Server::start(), entries(256));
    server.serves(&entries);
    assert_eq!(server.verify(&[]).code, 0);
    server.serves(&[entries.clone(), vec![entry(902, -3600)]].concat());
    assert_eq!(refused(&server.verify(&[])), "back-dated");
}

#[test]
fn what_can_not_be_reached_or_read_is_no_verdict() {
    let (server, entries) = (Server::start(), entries(3));
    assert_eq!(server.verify(&[]).code, 3, "no log is there");
    server.serves(&entries);
    server.served.lock().unwrap().first = Some("500 Oh".into());
    assert_eq!(server.verify(&[]).code, 3);
    server.served.lock().unwrap().first = Some("302 Found\r\nlocation: http://127.0.0.1:9/".into());
    assert_eq!(server.verify(&[]).code, 3, "the key goes nowhere else");
    server.served.lock().unwrap().first = Some("429 Slower\r\nretry-after: 0".into());
    assert_eq!(server.verify(&[]).code, 0, "it comes back when it is told to");
    std::fs::write(server.state(), "{}").unwrap();
    let done = server.verify(&[]);
    assert!(done.code == 3 && done.complaint.contains("not a state"), "{done:?}");

    let keys = ["--key", &Key::log().1.to_string()].map(str::to_owned);
    let ask = |url: &str, key: Option<&str>| {
        let words = ["audit", "verify", "--url", url].map(str::to_owned);
        ward_cli::run(&[&words[..], &keys].concat(), key.map(str::to_owned)).code
    };
    assert_eq!(ask(&server.url, Some("another")), 3, "401");
    assert_eq!(ask(&server.url, None), 2, "no key to ask with");
    assert_eq!(ask("http://ward.example", Some(API_KEY)), 2, "in the clear");
    assert_eq!(ask("ward.example", Some(API_KEY)), 2);
    assert_eq!(ask("http://127.0.0.1:1", Some(API_KEY)), 3);
}

#[test]
fn a_mirror_is_verified_offline_and_goes_on_where_it_stopped() {
    let (server, entries) = (Server::start(), entries(600));
    let copy = server.kept.path().join("copy");
    let copy = copy.to_str().unwrap();
    let offline = || {
        let words = ["verify", copy, "--key", &Key::log().1.to_string(), "--json"].map(str::to_owned);
        said(&ward_cli::run(&words, None))["to"].clone()
    };
    server.serves(&entries[..300]);
    assert_eq!(server.run(&["audit", "mirror", copy], &[]).code, 0);
    assert_eq!(offline(), 300);
    server.serves(&entries);
    assert_eq!(server.run(&["audit", "mirror", copy], &[]).code, 0);
    assert_eq!(offline(), 600);
    assert!(!server.asked().iter().any(|path| path.ends_with("/000")), "full tiles are never fetched twice");
    // A copy is evidence: no older log takes its place, nor another one.
    server.serves(&entries[..500]);
    assert_eq!(refused(&server.run(&["audit", "mirror", copy], &[])), "rolled-back");
    let mut other = entries.clone();
    other[7] = entry(7, 1);
    server.serves(&other);
    assert_eq!(refused(&server.run(&["audit", "mirror", copy], &[])), "forked");
    assert_eq!(offline(), 600);
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let endless = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _asked = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let mut sent = 0_usize;
        while let Ok(more) = stream.write(&[b'a'; 65_536]) {
            sent += more;
        }
        sent
    });
    let words =
        ["audit", "verify", "--json", "--url", &url, "--key", &Key::log().1.to_string()].map(str::to_owned);
    assert_eq!(refused(&ward_cli::run(&words, Some(API_KEY.into()))), "malformed");
    assert!(endless.join().unwrap() < 64 << 20);
}
