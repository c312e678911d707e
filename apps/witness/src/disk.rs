//! Small files that are there whole, or as they were.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A flat directory, step by step: a crash may come between any two, and takes what isn't synced.
pub(crate) trait Disk: Send + Sync {
    /// What is in a file, if there is one.
    fn read(&self, name: &str) -> io::Result<Option<String>>;
    /// Makes a file of this content, instead of any other.
    fn write(&self, name: &str, text: &str) -> io::Result<()>;
    /// Makes the content of a file last.
    fn sync(&self, name: &str) -> io::Result<()>;
    /// Puts a file in the place of another, whole.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Makes the names of the files last.
    fn sync_names(&self) -> io::Result<()>;
}

/// Why a file isn't replaced.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotKept {
    /// The old one is there.
    #[error("the file can't be written")]
    Unwritten(#[source] io::Error),
    /// One of both is there; which, a crash would tell.
    #[error("the disk doesn't say what it holds")]
    Doubtful(#[source] io::Error),
}

/// Puts `text` into a file: once this has returned, for good.
pub(crate) fn replace(disk: &dyn Disk, name: &str, text: &str) -> Result<(), NotKept> {
    let new = format!("{name}.new");
    disk.write(&new, text).and_then(|()| disk.sync(&new)).map_err(NotKept::Unwritten)?;
    disk.rename(&new, name).and_then(|()| disk.sync_names()).map_err(NotKept::Doubtful)
}

/// A directory that one process has for itself.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    names: File,
    _own: File,
}

/// Why a directory isn't used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOurs {
    #[error("another witness has this state directory")]
    Taken,
    #[error("the state directory can't be used")]
    Unusable(#[source] io::Error),
}

impl Directory {
    /// Takes the directory, and makes it where there is none. What a process before this one left halfway lasts from now on.
    pub(crate) fn take(path: &Path) -> Result<Self, NotOurs> {
        let unusable = NotOurs::Unusable;
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let lock = open().open(path.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(NotOurs::Taken),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let names = File::open(path).map_err(unusable)?;
        let directory = Self { path: path.to_owned(), names, _own: lock };
        directory.sync_names().map_err(unusable)?;
        Ok(directory)
    }

    /// Whether its owner alone, who is this process's user, may read a file.
    pub(crate) fn is_private(&self, name: &str) -> io::Result<bool> {
        let held = fs::metadata(self.path.join(name))?;
        Ok(held.is_file() && held.mode() & 0o077 == 0 && held.uid() == rustix::process::geteuid().as_raw())
    }

    /// Which files there are.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let names =
            fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }
}

impl Disk for Directory {
    fn read(&self, name: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.path.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        open().truncate(true).open(self.path.join(name))?.write_all(text.as_bytes())
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        File::open(self.path.join(name))?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn sync_names(&self) -> io::Result<()> {
        self.names.sync_all()
    }
}

fn open() -> OpenOptions {
    let mut open = OpenOptions::new();
    open.write(true).create(true).mode(0o600);
    open
}
