use std::cmp::Reverse;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::version::{OLDEST, Version};

/// What to type where PostgreSQL is missing.
pub const INSTALL: &str =
    if cfg!(target_os = "macos") { "brew install postgresql@17" } else { "apt-get install postgresql" };

/// Where packages put PostgreSQL; `*` stands for what differs between versions.
const WELL_KNOWN: &[&str] = &[
    "/usr/lib/postgresql/*/bin",                          // Debian
    "/usr/pgsql-*/bin",                                   // Fedora and its kin
    "/opt/homebrew/opt/postgresql*/bin",                  // Homebrew, Apple silicon
    "/usr/local/opt/postgresql*/bin",                     // Homebrew, Intel
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",     // Homebrew, Linux
    "/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
    "/Library/PostgreSQL/*/bin",                          // the macOS installer
];

/// The programs of one PostgreSQL on this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Binaries {
    directory: PathBuf,
    version: Version,
}

impl Binaries {
    /// Every PostgreSQL that Ward could run on, the newest first: those in `chosen` alone where it is given,
    /// else those on PATH and in the directories that packages use.
    pub fn installed(chosen: Option<&Path>) -> Vec<Self> {
        let directories = match chosen {
            Some(directory) => vec![directory.to_owned()],
            None => on_path().chain(WELL_KNOWN.iter().flat_map(|pattern| matching(pattern))).collect(),
        };
        let mut found: Vec<Self> = directories.iter().filter_map(|directory| Self::at(directory)).collect();
        found.sort_by_key(|binaries| Reverse(binaries.version));
        found.dedup();
        found
    }

    /// Its version, as `postgres --version` tells it.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The directory that holds them.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A link to `postgres` says nothing of where its companions are, so links are followed first.
    fn at(directory: &Path) -> Option<Self> {
        let postgres = directory.join("postgres").canonicalize().ok()?;
        let directory = postgres.parent()?.to_owned();
        if !directory.join("initdb").is_file() {
            return None;
        }
        let printed = Command::new(&postgres).arg("--version").output().ok()?.stdout;
        let version = Version::parse(&String::from_utf8_lossy(&printed))?;
        (version.major() >= OLDEST).then_some(Self { directory, version })
    }
}

fn on_path() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

/// The directories that `pattern`, which holds one `*`, stands for.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let Some((start, end)) = pattern.split_once('*') else { return vec![PathBuf::from(pattern)] };
    let Some((parent, prefix)) = start.rsplit_once('/') else { return Vec::new() };
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let named = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    named.map(|entry| entry.path().join(end.trim_start_matches('/'))).collect()
}
