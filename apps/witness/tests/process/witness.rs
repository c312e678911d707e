use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::{TempDir, tempdir};
use ward::audit::note::VerifierKey;
use ward_witness_client::HttpWitness;

use crate::fixture::Log;

const START: Duration = Duration::from_secs(60);

/// A state directory, and the process that has it.
pub(crate) struct Witness {
    directory: TempDir,
    child: Mutex<Option<Child>>,
    address: String,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) text: String,
}

impl Witness {
    /// One that isn't started yet, and knows these logs.
    pub(crate) fn idle(logs: &[&Log]) -> Self {
        let witness = Self { directory: tempdir().unwrap(), child: Mutex::default(), address: String::new() };
        witness.know(logs);
        witness
    }

    pub(crate) fn start(logs: &[&Log]) -> Self {
        let mut witness = Self::idle(logs);
        witness.start_again();
        witness
    }

    /// Writes the list of logs anew.
    pub(crate) fn know(&self, logs: &[&Log]) {
        self.list(&logs.iter().map(|log| format!("{}\n", log.key)).collect::<String>());
    }

    pub(crate) fn list(&self, text: &str) {
        fs::write(self.directory.path().join("logs.new"), text).unwrap();
        fs::rename(self.directory.path().join("logs.new"), self.directory.path().join("logs")).unwrap();
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Starts on what the last process left, and waits until it listens.
    pub(crate) fn start_again(&mut self) {
        let log = File::create(self.directory.path().join("log")).unwrap();
        let mut child = self.command("w.example").stderr(log).spawn().unwrap();
        let begun = Instant::now();
        self.address = loop {
            let said = self.said();
            if let Some(address) = said.lines().find_map(told) {
                break address;
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < START, "{ended:?}: {said}");
            pause();
        };
        *self.child.lock().unwrap() = Some(child);
    }

    /// Everything that the process said that was started last.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// What a second one on the same state says before it ends.
    pub(crate) fn refused(&self, name: &str) -> String {
        let mut child = self.command(name).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > START / 6 {
                child.kill().and_then(|()| child.wait()).unwrap();
                panic!("it serves as `{name}`");
            }
            pause();
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ward-witness"));
        command.args(["--listen", "127.0.0.1:0", "--name", name]);
        command.arg("--state").arg(self.state()).arg("--logs").arg(self.directory.path().join("logs"));
        command.env_clear().stdin(Stdio::null());
        command
    }

    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap().take().expect("it runs");
        child.kill().and_then(|()| child.wait()).unwrap();
    }

    pub(crate) fn key(&self) -> VerifierKey {
        let answer = self.get("/key");
        assert_eq!(answer.status, 200);
        answer.text.strip_suffix('\n').unwrap().parse().unwrap()
    }

    pub(crate) fn client(&self) -> HttpWitness {
        HttpWitness::new(&format!("http://{}", self.address), vec![self.key()]).unwrap()
    }

    /// What monitors are shown of a log.
    pub(crate) fn latest(&self, origin: &str) -> Answer {
        let hash = hex::encode(Sha256::digest(origin));
        self.get(&format!("/{hash}/checkpoint"))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, b"")
    }

    pub(crate) fn post(&self, body: &[u8]) -> Answer {
        self.send("POST", "/add-checkpoint", body)
    }

    pub(crate) fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(START)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        )
        .unwrap();
        let _refused = stream.write_all(body); // an answer may come before all of it is sent
        Answer::read(stream)
    }

    /// A connection of one's own.
    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }
}

impl Answer {
    pub(crate) fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        let _reset = stream.read_to_end(&mut bytes); // what was answered before counts
        let text = String::from_utf8(bytes).unwrap();
        let (head, text) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
        Self { status, kind: kind.to_owned(), text: text.to_owned() }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.lock().unwrap().take() {
            let _gone = child.kill().and_then(|()| child.wait()); // it may have ended by itself
        }
    }
}

fn told(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some(line.pointer("/fields/address")?.as_str()?.to_owned())
}

/// A moment, between two looks.
#[expect(clippy::disallowed_methods, reason = "a thread of its own")]
pub(crate) fn pause() {
    thread::sleep(Duration::from_millis(5));
}
