use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::path::Path;

use serde_json::Value;
use ureq::SendBody;

use super::server::Server;
use crate::process::Outcome;

/// Sends a file of people to the API, as the tenant that `api_key` belongs to, and shows how far it is.
pub(super) fn import(server: &Server, api_key: &str, file: &Path, kind: &str) -> Outcome {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let people = File::open(file).map_err(|error| format!("`{}`: {error}", file.display()))?;
    let mut body = Watched::new(name, people.metadata()?.len(), people);
    let request = server.agent.post(format!("{}/v1/imports?kind={kind}", server.url));
    let request = request.header("X-API-Key", api_key).content_type("text/csv");
    let mut answer = request.send(SendBody::from_reader(&mut body))?;
    let text = answer.body_mut().read_to_string()?;
    body.end();
    if !answer.status().is_success() {
        return Err(
            format!("the import of `{}` was refused: {} {text}", file.display(), answer.status()).into()
        );
    }
    let outcome: Value = serde_json::from_str(&text)?;
    let count = |name: &str| outcome.get(name).and_then(Value::as_u64).unwrap_or_default();
    let [accepted, updated, unchanged, refused] = ["accepted", "updated", "unchanged", "refused"].map(count);
    eprintln!("{accepted} people imported, {updated} updated, {unchanged} unchanged, {refused} refused");
    if refused > 0 {
        return Err(format!("rows were refused: {text}").into());
    }
    Ok(())
}

/// A file that shows how much of it was read: as a bar on a terminal, else in quarters.
struct Watched<R> {
    name: String,
    read: u64,
    length: u64,
    shown: u64,
    bar: bool,
    inner: R,
}

const WIDTH: u64 = 40;

impl<R> Watched<R> {
    fn new(name: String, length: u64, inner: R) -> Self {
        Self { name, read: 0, length: length.max(1), shown: 0, bar: io::stderr().is_terminal(), inner }
    }

    fn show(&mut self) {
        let percent = self.read * 100 / self.length;
        let step = if self.bar { 1 } else { 25 };
        if percent < self.shown + step {
            return;
        }
        self.shown = percent / step * step;
        if self.bar {
            let filled = usize::try_from(percent * WIDTH / 100).unwrap_or_default();
            eprint!("\r{} [{:<40}] {percent:>3} %", self.name, "#".repeat(filled));
            let _ = io::stderr().flush(); // a bar that isn't seen harms nobody
        } else {
            eprintln!("{}: {percent} %", self.name);
        }
    }

    fn end(&self) {
        if self.bar {
            eprintln!();
        }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += u64::try_from(read).unwrap_or_default();
        self.show();
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::Watched;

    #[test]
    fn what_is_watched_is_read_whole() {
        let text = "x".repeat(10_000);
        let mut watched = Watched::new("people".into(), 10_000, text.as_bytes());
        let mut read = String::new();
        watched.read_to_string(&mut read).unwrap();
        assert_eq!(read, text);
        assert_eq!((watched.read, watched.shown), (10_000, 100));
    }
}
