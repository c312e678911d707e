use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};
use ureq::Agent;

use super::options::Options;
use super::witness::Witness;
use crate::process::{Outcome, built, output, pause, stop};

/// The first start makes the database, migrates it and proves its isolation.
const START: Duration = Duration::from_secs(180);
/// Requests in flight are finished, and the database writes everything to disk.
const STOP: Duration = Duration::from_secs(90);
const LOG_LIMIT: u64 = 10 << 20;

/// A running Ward, stopped when it is dropped.
pub(super) struct Server {
    pub(super) url: String,
    pub(super) agent: Agent,
    child: Child,
    settings: Settings,
    data_dir: PathBuf,
    /// Where in the log its own words begin.
    log_from: u64,
    told: Arc<AtomicBool>,
}

impl Server {
    pub(super) fn start(options: &Options, witness: &Witness) -> Outcome<Self> {
        // Beside the database: what is promised is shown, and not what would be kept apart from it.
        let ledger = std::path::absolute(options.data_dir.join("ledger"))?;
        fs::create_dir_all(&ledger)?;
        let set = vec![
            ("WARD_LISTEN", options.listen.to_string()),
            ("WARD_ADMIN_LISTEN", options.admin_listen.to_string()),
            ("WARD_DATA_DIR", options.data_dir.display().to_string()),
            ("WARD_PROFILE", options.profile.clone()),
            ("WARD_MODE", "development".to_owned()),
            ("WARD_ERASURE_LEDGER", format!("file://{}", ledger.display())),
            witness.setting(),
        ];
        let settings = Settings { set, kept: options.kept().collect() };
        let told = Arc::new(AtomicBool::new(false));
        for event in [SIGINT, SIGTERM] {
            signal_hook::flag::register(event, Arc::clone(&told))?;
        }
        let log = log(&options.data_dir)?;
        let log_from = log.metadata()?.len();
        let mut serve = ward_api(&settings)?;
        // A Ctrl-C reaches it through this process, once.
        serve.arg("serve").process_group(0).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = serve.spawn()?;
        // An idle connection would hold up Ward when it stops.
        let plain = Agent::config_builder().http_status_as_error(false).max_idle_connections(0);
        let agent = Agent::new_with_config(plain.build());
        Ok(Self {
            url: options.url(),
            agent,
            child,
            settings,
            data_dir: options.data_dir.clone(),
            log_from,
            told,
        })
    }

    /// Waits until it answers that it is ready, telling what it still lacks, and says how to reach its database; `None` when it was told
    /// to stop meanwhile.
    pub(super) fn until_ready(&mut self) -> Outcome<Option<String>> {
        let begun = Instant::now();
        let (mut last, mut told) = ("no answer".to_owned(), BTreeSet::new());
        while begun.elapsed() < START {
            if self.told.load(Ordering::Relaxed) {
                return Ok(None);
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("Ward did not start ({status}):\n{}", self.last_words()).into());
            }
            if let Ok(mut answer) = self.agent.get(format!("{}/ready", self.url)).call() {
                if answer.status() == 200 {
                    return self.database().map(Some);
                }
                last = answer.body_mut().read_to_string().unwrap_or(last);
                for line in lacks(&last, &self.own_words()).filter(|line| told.insert(line.clone())) {
                    eprintln!("{line}");
                }
            }
            pause();
        }
        Err(format!("Ward is not ready after {} s; it says: {last}\n{}", START.as_secs(), self.last_words())
            .into())
    }

    /// Waits for Ctrl-C, SIGTERM or the end of Ward.
    pub(super) fn until_told(mut self) -> Outcome {
        while !self.told.load(Ordering::Relaxed) {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("Ward ended ({status}):\n{}", self.last_words()).into());
            }
            pause();
        }
        eprintln!("\nstopping");
        Ok(())
    }

    /// What another command of Ward prints, with the settings of this one.
    pub(super) fn ask(&self, arguments: &[&str]) -> Outcome<String> {
        output(ward_api(&self.settings)?.args(arguments))
    }

    /// The private PostgreSQL names the directory of its socket in the fifth line of its pid file.
    fn database(&self) -> Outcome<String> {
        let file = self.data_dir.join("postgres/cluster/postmaster.pid");
        let text = fs::read_to_string(&file).map_err(|error| format!("`{}`: {error}", file.display()))?;
        let socket = text.lines().nth(4).ok_or("PostgreSQL doesn't say where it listens")?;
        Ok(format!("postgres://ward_app@localhost/ward?host={socket}"))
    }

    fn last_words(&self) -> String {
        let own = self.own_words();
        let lines: Vec<_> = own.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n");
        format!("{tail}\n(from `{}`)", log_file(&self.data_dir).display())
    }

    /// What it has logged since it was started.
    fn own_words(&self) -> String {
        let text = fs::read(log_file(&self.data_dir)).unwrap_or_default();
        let own = usize::try_from(self.log_from).ok().and_then(|from| text.get(from..));
        String::from_utf8_lossy(own.unwrap_or(&text)).into_owned()
    }
}

/// What keeps Ward from being ready, by its answer and its log: there, which rules of isolation are broken.
fn lacks(answer: &str, log: &str) -> impl Iterator<Item = String> {
    let word = |json: &str, place: &str| {
        serde_json::from_str::<Value>(json).ok()?.pointer(place)?.as_str().map(str::to_owned)
    };
    let answer = word(answer, "/detail").map(|detail| format!("Ward isn't ready: {detail}"));
    let broken: Vec<_> = log.lines().filter_map(|line| word(line, "/fields/finding")).collect();
    answer.into_iter().chain(broken.into_iter().map(|rule| format!("  {rule}")))
}

impl Drop for Server {
    fn drop(&mut self) {
        if !stop(&mut self.child, STOP) {
            eprintln!("Ward didn't stop, and was killed");
        }
    }
}

/// What Ward is told, and which variables of the reader's own environment hold for it too: the others are for another Ward.
struct Settings {
    set: Vec<(&'static str, String)>,
    kept: Vec<&'static str>,
}

fn ward_api(settings: &Settings) -> Outcome<Command> {
    let mut program = Command::new(built("ward-api")?);
    for (other, _) in env::vars_os() {
        let is_kept = settings.kept.iter().any(|kept| other == *kept);
        if other.as_encoded_bytes().starts_with(b"WARD_") && !is_kept {
            program.env_remove(other);
        }
    }
    program.envs(settings.set.iter().map(|(name, value)| (name, value)));
    Ok(program)
}

fn log_file(data_dir: &Path) -> PathBuf {
    data_dir.join("ward.log")
}

/// Continued, since another run may still write to it; put aside when it has grown.
fn log(data_dir: &Path) -> Outcome<File> {
    let log = log_file(data_dir);
    if fs::metadata(&log).is_ok_and(|held| held.len() > LOG_LIMIT) {
        fs::rename(&log, log.with_extension("log.1"))?;
    }
    Ok(OpenOptions::new().create(true).append(true).mode(0o600).open(log)?)
}

#[cfg(test)]
mod tests {
    use super::lacks;

    #[test]
    fn what_keeps_ward_from_being_ready_is_told_with_the_rules_that_are_broken() {
        let log = "nothing\n{\"fields\":{\"message\":\"refuted\",\"finding\":\"R01 public.notes: off\"}}\n{\"fields\":{}}\n";
        let told: Vec<_> = lacks("{\"detail\":\"not yet: isolation\"}", log).collect();
        assert_eq!(told, ["Ward isn't ready: not yet: isolation", "  R01 public.notes: off"]);
        assert_eq!(lacks("no problem", "").count(), 0);
    }
}
