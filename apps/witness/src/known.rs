//! Which logs the witness looks at.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ward::audit::note::VerifierKey;
use ward::audit::witness::{InvalidLogs, Logs};

/// A list of as many logs as there may be is shorter.
const LONGEST: u64 = 64 << 20;

/// Those given at the start, and those in a file, as it is now.
#[derive(Debug)]
pub(crate) struct Known {
    given: Vec<VerifierKey>,
    file: Option<PathBuf>,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    file: Option<State>,
    logs: Arc<Logs>,
    /// Else the logs are those of a file before.
    good: bool,
}

/// What is another for every file, and every change of it.
type State = (u64, u64, u64, [i64; 4]);

/// Why a list says nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unlisted {
    #[error("the list of logs can't be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("the list of logs is wrong: {0}")]
    Invalid(#[from] InvalidLogs),
}

impl Known {
    /// A file that isn't there yet lists nothing.
    pub(crate) fn load(given: Vec<VerifierKey>, file: Option<PathBuf>) -> Result<Self, Unlisted> {
        let state = file.as_deref().and_then(state);
        let logs = Arc::new(read(&given, file.as_deref().filter(|_| state.is_some()))?);
        Ok(Self { given, file, last: Mutex::new(Last { file: state, logs, good: true }) })
    }

    /// The logs, as the last list says that said something.
    pub(crate) fn logs(&self) -> Arc<Logs> {
        self.current().logs.clone()
    }

    /// Whether that list is the one there is now.
    pub(crate) fn is_good(&self) -> bool {
        self.current().good
    }

    fn current(&self) -> MutexGuard<'_, Last> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.file.as_deref().and_then(state);
        if last.file != state {
            last.file = state;
            let read = read(&self.given, self.file.as_deref());
            last.good = read.is_ok();
            match read {
                Ok(logs) => last.logs = Arc::new(logs),
                Err(error) => tracing::error!(%error, "keeping to the list before"),
            }
        }
        last
    }
}

fn state(file: &Path) -> Option<State> {
    let held = fs::metadata(file).ok()?;
    let times = [held.mtime(), held.mtime_nsec(), held.ctime(), held.ctime_nsec()];
    Some((held.dev(), held.ino(), held.len(), times))
}

fn read(given: &[VerifierKey], file: Option<&Path>) -> Result<Logs, Unlisted> {
    let mut text = String::new();
    if let Some(file) = file {
        File::open(file)?.take(LONGEST).read_to_string(&mut text)?;
    }
    let mut logs: Logs = text.parse()?;
    given.iter().cloned().try_for_each(|key| logs.add(key))?;
    Ok(logs)
}
