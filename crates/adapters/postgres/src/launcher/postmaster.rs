use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::error::{LaunchError, at};

/// What a server says of itself in the cluster's `postmaster.pid`.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Postmaster {
    pub(super) pid: u32,
    pub(super) socket: Option<PathBuf>,
    pub(super) ready: bool,
}

impl Postmaster {
    /// The server that runs `cluster`, or did when it was killed; `None` after a clean stop.
    pub(super) fn of(cluster: &Path) -> Result<Option<Self>, LaunchError> {
        let path = pid_file(cluster);
        match fs::read(&path) {
            // It tells the data directory too, whose name may be anything.
            Ok(text) => Ok(Self::parse(&String::from_utf8_lossy(&text))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Lines 1, 5 and 8 of the file; it grows while the server starts.
    fn parse(text: &str) -> Option<Self> {
        let line = |n: usize| text.lines().nth(n).map(str::trim).filter(|line| !line.is_empty());
        let ready = line(7) == Some("ready");
        Some(Self { pid: line(0)?.parse().ok()?, socket: line(4).map(PathBuf::from), ready })
    }

    /// Whether the process still exists and works in `cluster`: its number may long be another's.
    pub(super) fn lives_in(&self, cluster: &Path) -> bool {
        let pid = self.pid;
        if Path::new("/proc/self").exists() {
            let place = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
            let works_in = place(Path::new(&format!("/proc/{pid}/cwd")));
            return works_in.is_some() && works_in == place(cluster);
        }
        let shown = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
        shown.is_ok_and(|shown| String::from_utf8_lossy(&shown.stdout).contains("postgres"))
    }
}

pub(super) fn pid_file(cluster: &Path) -> PathBuf {
    cluster.join("postmaster.pid")
}

/// Sends a signal; a process that is gone already is none of its concern.
pub(super) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _gone = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::Postmaster;

    #[test]
    fn a_pid_file_is_read_while_it_grows() {
        let whole = "42\n/data\n1795486312\n5432\n/tmp/ward-1\n\n 10020236         9\nready   \n";
        let socket = Some(PathBuf::from("/tmp/ward-1"));
        assert_eq!(Postmaster::parse(whole), Some(Postmaster { pid: 42, socket, ready: true }));
        assert_eq!(Postmaster::parse("42\n/da"), Some(Postmaster { pid: 42, socket: None, ready: false }));
        assert_eq!(Postmaster::parse(""), None);
    }

    #[test]
    fn a_process_elsewhere_is_not_the_server() {
        let me = Postmaster { pid: std::process::id(), socket: None, ready: true };
        assert!(!me.lives_in(Path::new("/")));
    }
}
