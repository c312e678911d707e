use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ward_postgres::launcher::Binaries;

use crate::ward::signal;

/// The private cluster of a Ward, around every wall: as its superuser, over its socket, and by its files.
pub(crate) struct Postgres {
    home: PathBuf,
}

impl Postgres {
    /// The one whose data directory is `home`.
    pub(crate) fn of(home: PathBuf) -> Self {
        Self { home }
    }

    /// Where its files lie.
    pub(crate) fn files(&self) -> PathBuf {
        self.home.join("cluster")
    }

    /// The process that all others are children of.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.line(0)?.parse().ok()
    }

    /// Every process, the first one included.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let others = self.ask("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
        others.iter().map(|row| row[0].parse().unwrap()).chain(self.pid()).collect()
    }

    /// Kills the first process, or all of them at the same time, with a signal that nobody catches.
    pub(crate) fn kill(&self, whole: bool) {
        let pids = if whole { self.pids() } else { self.pid().into_iter().collect() };
        signal("KILL", &pids);
    }

    /// What `sql` answers, row by row.
    pub(crate) fn ask(&self, sql: &str) -> Vec<Vec<String>> {
        let text =
            self.run("psql", &["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--command", sql]);
        let row = |line: &str| line.split('|').map(str::to_owned).collect();
        text.lines().map(row).collect()
    }

    /// What a client program prints, as the superuser.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let chosen = std::env::var_os("WARD_PG_BINDIR").map(PathBuf::from);
        let binaries = Binaries::find(&self.home, chosen.as_deref()).unwrap();
        let mut program = Command::new(binaries.directory().join(program));
        let socket = self.line(4).expect("it runs");
        program.args(arguments).env("PGHOST", socket).env("PGUSER", "postgres").env("PGDATABASE", "ward");
        let done = program.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn line(&self, n: usize) -> Option<String> {
        let file: &Path = &self.files().join("postmaster.pid");
        fs::read_to_string(file).ok()?.lines().nth(n).map(|line| line.trim().to_owned())
    }
}
