//! A bucket with object lock, at another maker's server.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use ward_testkit::tool;

/// The server behind `locked.py`.
struct Locked {
    server: Child,
    said: BufReader<ChildStdout>,
    settings: Vec<(String, String)>,
}

impl Locked {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/places/locked.py");
        let mut server = Command::new(tool("moto").unwrap());
        let mut server = server.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(server.stdout.take().unwrap());
        let mut locked = Self { server, said, settings: Vec::new() };
        let endpoint = format!("http://127.0.0.1:{}", locked.line().trim());
        let settings = [
            ("AWS_ACCESS_KEY_ID", "ward"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT", &endpoint),
            ("AWS_ALLOW_HTTP", "true"),
        ];
        locked.settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        locked
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line
    }

    /// Tries as its owner to delete every version, and says how many are left of each object.
    fn delete_all(&mut self) -> BTreeMap<String, u64> {
        self.server.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        serde_json::from_str(&self.line()).unwrap()
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let _gone = self.server.kill().and_then(|()| self.server.wait()); // it may have ended by itself
    }
}

#[tokio::test]
async fn nothing_that_lies_in_a_bucket_with_object_lock_is_deleted_and_no_head_in_it_is_written_over() {
    let mut server = Locked::start();
    let place: ward_blob::Place = "s3://locked/ward".parse().unwrap();
    let archive = place.open(server.settings.clone()).unwrap();
    crate::keeps_what_is_put_there(&archive).await.unwrap();
    let left = [("ward/ward.example/a/3.checkpoint", 1), ("ward/ward.example/a/checkpoint", 2)];
    assert_eq!(server.delete_all(), left.map(|(name, versions)| (name.to_owned(), versions)).into());
}
