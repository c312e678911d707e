use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use ward_postgres::launcher;

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
    settings: BTreeMap<String, String>,
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
        let mut ward = Self::idle();
        // Where it listens is told at this level.
        ward.set(&[("WARD_LOG", &format!("{log},ward_api::serve=info"))]);
        ward.start_again();
        ward
    }

    /// One that isn't started yet, and has no data directory.
    pub(crate) fn idle() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("ward-process-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let mut watch = Command::new("/bin/sh");
        watch.args(["-c", WATCH, "ward-process-watch"]).arg(&directory).current_dir("/");
        watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let watch = watch.spawn().unwrap();
        let settings = [("WARD_MODE", "development"), ("WARD_LISTEN", "127.0.0.1:0"), ("WARD_LOG", "info")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { directory, settings, starts: 0, child: None, address: String::new(), watch }
    }

    /// Adds to the settings of the next start, or changes them.
    pub(crate) fn set(&mut self, settings: &[(&str, &str)]) {
        self.settings.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }

    /// Serves from the database of `other`, under its settings: a replica.
    pub(crate) fn share(&mut self, other: &Self) {
        let address = launcher::attach(&other.data().join("postgres")).unwrap().expect("it runs");
        self.settings.extend(other.settings.clone());
        let key = other.data().join("root.key").display().to_string();
        self.set(&[("WARD_DATABASE_URL", &address.url("ward_app", "ward")), ("WARD_ROOT_KEY_FILE", &key)]);
    }

    /// What a command says last that can't be done under these settings as well.
    pub(crate) fn fails(&self, command: &str, settings: &[(&str, &str)]) -> String {
        let mut program = self.command();
        program.arg(command).envs(settings.iter().copied()).env("WARD_LOG", "off");
        let mut child = program.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if begun.elapsed() < START => pause(),
                None => {
                    child.kill().unwrap();
                    panic!("`{command}` goes on with {settings:?}");
                }
            }
        };
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(status.code(), Some(1), "{said}");
        said.trim().to_owned()
    }

    /// Starts on what the last process left, and waits until it is ready.
    pub(crate) fn start_again(&mut self) {
        self.start_unready();
        self.until_ready();
    }

    /// Starts on what the last process left, and waits until it listens.
    pub(crate) fn start_unready(&mut self) {
        self.launch();
        let log = self.directory.join(format!("ward.{}.log", self.starts));
        self.address = self.until("told where it listens", |_| told(&log, "serving"));
    }

    /// Begins to start.
    pub(crate) fn launch(&mut self) {
        assert!(self.child.is_none(), "it runs");
        self.starts += 1;
        let log = self.directory.join(format!("ward.{}.log", self.starts));
        let output = File::create(&log).unwrap();
        let mut serve = self.command();
        serve.arg("serve");
        serve.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let child = self.child.insert(serve.spawn().unwrap());
        fs::write(self.directory.join("ward.pid"), format!("{}\n", child.id())).unwrap();
    }

    /// Waits until it says that it is ready.
    pub(crate) fn until_ready(&mut self) {
        self.until("ready", |ward| (ward.client("").get("/ready").ok()?.status == 200).then_some(()));
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

    /// Which process it is.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// A client that holds `key`.
    pub(crate) fn client(&self, key: &str) -> Client {
        Client::new(format!("http://{}", self.address), key)
    }

    /// A client of the listener for operators.
    pub(crate) fn operators(&self) -> Client {
        let log = self.directory.join(format!("ward.{}.log", self.starts));
        let address = told(&log, "answering operators").expect("it listens to operators");
        Client::new(format!("http://{address}"), "")
    }

    /// Its database.
    pub(crate) fn postgres(&self) -> Postgres {
        Postgres::of(self.data().join("postgres"))
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Where the key lies that it made for itself.
    pub(crate) fn root_key(&self) -> PathBuf {
        self.data().join("root.key")
    }

    /// A directory that lasts as long as it does.
    pub(crate) fn home(&self) -> &Path {
        &self.directory
    }

    /// Founds a tenant, as an operator does.
    pub(crate) fn found(&self, name: &str) -> Tenant {
        self.found_for(name, None)
    }

    /// The same, for somebody with this mail address.
    pub(crate) fn found_for(&self, name: &str, owner: Option<&str>) -> Tenant {
        let owner = owner.map_or(vec![], |owner| vec!["--owner-email", owner]);
        let told = self.says(&[&["create-tenant", "--name", name], &*owner].concat());
        let told: Value = serde_json::from_str(&told).unwrap();
        let word = |name: &str| told[name].as_str().unwrap().to_owned();
        Tenant { id: word("tenant"), key: word("api_key") }
    }

    /// What a command prints.
    pub(crate) fn says(&self, words: &[&str]) -> String {
        let done = self.command().args(words).env("WARD_LOG", "off").output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// Everything that it said, in all its starts.
    pub(crate) fn logs(&self) -> Vec<u8> {
        let logs = (1..=self.starts).map(|n| self.directory.join(format!("ward.{n}.log")));
        logs.flat_map(|log| fs::read(log).unwrap()).collect()
    }

    /// The program, under these settings.
    pub(crate) fn command(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_ward-api"));
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("WARD_") && name != "WARD_PG_BINDIR")
        {
            program.env_remove(name);
        }
        program.envs(&self.settings).env("WARD_DATA_DIR", self.data());
        program
    }

    /// Looks until there is something to be seen.
    pub(crate) fn until<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        while begun.elapsed() < START {
            if let Some(found) = look(self) {
                return found;
            }
            if let Some(status) = self.child.as_mut().expect("it runs").try_wait().unwrap() {
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

/// The address that was logged with this message.
fn told(log: &Path, message: &str) -> Option<String> {
    let mut text = Vec::new();
    File::open(log).ok()?.read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let told = text.lines().find(|line| line.contains(&format!(r#""message":"{message}""#)))?;
    let told: Value = serde_json::from_str(told).ok()?;
    Some(told["fields"]["address"].as_str()?.to_owned())
}
