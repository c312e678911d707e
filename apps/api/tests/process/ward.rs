use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::Client;
use crate::postgres::Postgres;

/// The first start makes a database, and several tests may do so at once.
const START: Duration = Duration::from_secs(180);

/// Waits for the end of the test, however it comes, then ends what is left and deletes it.
const WATCH: &str = r#"
trap '' HUP INT TERM
read -r _
for file in "$1/ward.pid" "$1/data/postgres/cluster/postmaster.pid"; do
    [ ! -f "$file" ] || kill -s KILL "$(sed -n 1p "$file")"
done
socket=$(sed -n 5p "$1/data/postgres/cluster/postmaster.pid")
[ -z "$socket" ] || rm -rf "$socket"
tries=0
until rm -rf "$1" || [ $tries -ge 100 ]; do sleep 0.1; tries=$((tries + 1)); done
"#;

/// A data directory, and the process that serves it.
pub(crate) struct Ward {
    directory: PathBuf,
    log: String,
    starts: usize,
    child: Option<Child>,
    address: String,
    watch: Child,
}

/// A tenant just founded.
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) key: String,
}

impl Ward {
    /// Starts on a new data directory; `log` is what `WARD_LOG` says.
    pub(crate) fn start(log: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("ward-process-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let mut watch = Command::new("/bin/sh");
        watch.args(["-c", WATCH, "ward-process-watch"]).arg(&directory).current_dir("/");
        watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let watch = watch.spawn().unwrap();
        // Where it listens is told at this level.
        let log = format!("{log},ward_api::serve=info");
        let mut ward = Self { directory, log, starts: 0, child: None, address: String::new(), watch };
        ward.start_again();
        ward
    }

    /// Starts on what the last process left, and waits until it is ready.
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs");
        self.starts += 1;
        let log = self.directory.join(format!("ward.{}.log", self.starts));
        let output = File::create(&log).unwrap();
        let mut serve = self.command();
        serve.arg("serve").env("WARD_LISTEN", "127.0.0.1:0").env("WARD_LOG", &self.log);
        serve.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let child = self.child.insert(serve.spawn().unwrap());
        fs::write(self.directory.join("ward.pid"), format!("{}\n", child.id())).unwrap();
        self.address = self.until("told where it listens", || listening(&log));
        self.until_ready();
    }

    /// Waits until it says that it is ready.
    pub(crate) fn until_ready(&mut self) {
        let client = self.client("");
        self.until("ready", || (client.get("/ready").ok()?.status == 200).then_some(()));
    }

    /// Kills it, with a signal that nobody catches. PostgreSQL lives on.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
        fs::remove_file(self.directory.join("ward.pid")).unwrap();
    }

    /// Stops it well.
    pub(crate) fn stop(&mut self) {
        let child = self.child.take().expect("it runs");
        signal("TERM", &[child.id()]);
        let status = { child }.wait().unwrap();
        fs::remove_file(self.directory.join("ward.pid")).unwrap();
        assert!(status.success(), "{status}");
    }

    /// A client that holds `key`.
    pub(crate) fn client(&self, key: &str) -> Client {
        Client::new(format!("http://{}", self.address), key)
    }

    /// Its database.
    pub(crate) fn postgres(&self) -> Postgres {
        Postgres::of(self.data().join("postgres"))
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Founds a tenant, as an operator does.
    pub(crate) fn found(&self, name: &str) -> Tenant {
        self.found_for(name, None)
    }

    /// The same, for somebody with this mail address.
    pub(crate) fn found_for(&self, name: &str, owner: Option<&str>) -> Tenant {
        let mut create = self.command();
        create.args(["create-tenant", "--name", name]).env("WARD_LOG", "off");
        let told = create.args(owner.map_or(vec![], |owner| vec!["--owner-email", owner])).output().unwrap();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        let told: Value = serde_json::from_slice(&told.stdout).unwrap();
        let word = |name: &str| told[name].as_str().unwrap().to_owned();
        Tenant { id: word("tenant"), key: word("api_key") }
    }

    /// Everything that it said, in all its starts.
    pub(crate) fn logs(&self) -> Vec<u8> {
        let logs = (1..=self.starts).map(|n| self.directory.join(format!("ward.{n}.log")));
        logs.flat_map(|log| fs::read(log).unwrap()).collect()
    }

    fn command(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_ward-api"));
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("WARD_") && name != "WARD_PG_BINDIR")
        {
            program.env_remove(name);
        }
        program.env("WARD_MODE", "development").env("WARD_DATA_DIR", self.data());
        program
    }

    fn until<T>(&mut self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let child = self.child.as_mut().expect("it runs");
        let begun = Instant::now();
        while begun.elapsed() < START {
            if let Some(found) = look() {
                return found;
            }
            if let Some(status) = child.try_wait().unwrap() {
                panic!("Ward ended ({status}):\n{}", self.last_words());
            }
            pause();
        }
        panic!("not {what} after {START:?}:\n{}", self.last_words());
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.directory.join(format!("ward.{}.log", self.starts)));
        let log = log.unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill().and_then(|()| child.wait()); // it may have ended by itself
            let _absent = fs::remove_file(self.directory.join("ward.pid"));
        }
        drop(self.watch.stdin.take());
        let _ended = self.watch.wait();
    }
}

/// Sends a signal to processes that this test started.
pub(crate) fn signal(name: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    let script = r#"name=$1; shift; kill -s "$name" "$@""#;
    // Some of them may have ended already.
    let _status =
        Command::new("/bin/sh").args(["-c", script, "sh", name]).args(pids).stderr(Stdio::null()).status();
}

/// A moment, between two looks.
#[expect(clippy::disallowed_methods, reason = "a thread of its own")]
pub(crate) fn pause() {
    thread::sleep(Duration::from_millis(20));
}

fn listening(log: &Path) -> Option<String> {
    let mut text = Vec::new();
    File::open(log).ok()?.read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let told = text.lines().find(|line| line.contains(r#""message":"serving""#))?;
    let told: Value = serde_json::from_str(told).ok()?;
    Some(told["fields"]["address"].as_str()?.to_owned())
}
