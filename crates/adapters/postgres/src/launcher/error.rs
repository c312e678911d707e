use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::find::INSTALL;

/// Why there is no private PostgreSQL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// None on this machine.
    #[error("no PostgreSQL 15 or newer was found; install it with `{INSTALL}`")]
    NotInstalled,
    /// None where the configuration says.
    #[error("`{}` holds no PostgreSQL 15 or newer", .0.display())]
    NotThere(PathBuf),
    /// The data directory belongs to a major version that is gone.
    #[error(
        "the cluster was made by PostgreSQL {0}, which was not found; install that version, or give another data directory"
    )]
    OtherMajor(u32),
    /// Another process runs this cluster; see [`attach`](super::attach).
    #[error("the cluster in `{}` is run by another process", .0.display())]
    Busy(PathBuf),
    /// PostgreSQL refuses to run as root, and there is nobody else.
    #[error("PostgreSQL can't run as root, and there is neither a user `postgres` nor a user `nobody`")]
    NoAccount,
    /// No name for the socket's directory is free.
    #[error("every name for the socket's directory in `{}` is taken by others", .0.display())]
    NoSocket(PathBuf),
    /// A program of PostgreSQL gave up.
    #[error("`{program}` failed: {said}")]
    Failed {
        /// Which.
        program: &'static str,
        /// Its last words.
        said: String,
    },
    /// The server neither started nor gave up.
    #[error("PostgreSQL was not ready after {} s; see `{}`", .after.as_secs(), .log.display())]
    Late {
        /// How long it was given.
        after: Duration,
        /// What it said meanwhile.
        log: PathBuf,
    },
    /// A process that was killed left its server behind, and that doesn't stop.
    #[error("the server that an earlier process left in `{}` doesn't stop", .0.display())]
    Stubborn(PathBuf),
    /// The file system refused.
    #[error("`{}` can't be used", .path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Names the path that an I/O error is about.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> LaunchError {
    let path = path.to_owned();
    move |source| LaunchError::Io { path, source }
}
