use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::server::Server;
use crate::process::{Outcome, built, pause, stop};

const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(20);

/// A witness of the demo's logs, stopped when it is dropped. It stands beside Ward to show how it works: one that proves
/// something is run by somebody else.
pub(super) struct Witness {
    child: Child,
    logs: PathBuf,
    address: String,
    /// The key with which it cosigns.
    pub(super) key: String,
}

impl Witness {
    pub(super) fn start(data_dir: &Path) -> Outcome<Self> {
        let (logs, told) = (data_dir.join("witness.logs"), data_dir.join("witness.log"));
        let log = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&told)?;
        let mut witness = Command::new(built("ward-witness")?);
        witness.args(["--name", "witness.localhost", "--listen", "127.0.0.1:0", "--state"]);
        witness.arg(data_dir.join("witness")).arg("--logs").arg(&logs).env("WARD_LOG", "info");
        witness.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = witness.spawn()?;
        let mut started = Self { child, logs, address: String::new(), key: String::new() };
        let begun = Instant::now();
        while begun.elapsed() < START {
            let said = fs::read_to_string(&told)?;
            if let Some((address, key)) = said.lines().find_map(serving) {
                (started.address, started.key) = (address, key);
                return Ok(started);
            }
            if let Some(status) = started.child.try_wait()? {
                return Err(format!("the witness did not start ({status}):\n{said}").into());
            }
            pause();
        }
        Err(format!("the witness does not start; see `{}`", told.display()).into())
    }

    /// How Ward is told of it.
    pub(super) fn setting(&self) -> (&'static str, String) {
        ("WARD_WITNESSES", format!("http://{} {}", self.address, self.key))
    }

    /// Tells it of the logs that Ward has.
    pub(super) fn learn(&self, of: &Server) -> Outcome {
        let new = self.logs.with_extension("new");
        fs::write(&new, of.ask(&["log-keys"])?)?;
        File::open(&new)?.sync_all()?;
        Ok(fs::rename(&new, &self.logs)?)
    }
}

/// Where it listens and what its key is, if this line of its log says so.
fn serving(line: &str) -> Option<(String, String)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let field = |name: &str| Some(line.get("fields")?.get(name)?.as_str()?.to_owned());
    field("message").filter(|message| message == "serving")?;
    Some((field("address")?, field("key")?))
}

impl Drop for Witness {
    fn drop(&mut self) {
        stop(&mut self.child, STOP);
    }
}
