use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::geteuid;

use super::account::Account;
use super::error::{LaunchError, at};
use super::find::Binaries;
use super::run::until;

/// Sockets live here whatever TMPDIR says: their path has 107 bytes at most (103 on macOS), and every account
/// must reach them.
const SOCKETS: &str = "/tmp";

/// The log is cut back once it holds more bytes than this, and as many of the last are put aside.
const LOG_LIMIT: u32 = 1 << 20;

/// Where a private cluster lies, and who runs it.
#[derive(Debug)]
pub(super) struct Place {
    root: PathBuf,
    account: Option<Account>,
}

impl Place {
    /// Makes the data directory where it is missing; an account to drop to may pass through it, not list it.
    pub(super) fn open(data_dir: &Path) -> Result<Self, LaunchError> {
        let account = Account::to_drop_to(&data_dir.join("cluster"))?;
        let mode = if account.is_some() { 0o711 } else { 0o700 };
        DirBuilder::new().recursive(true).mode(mode).create(data_dir).map_err(at(data_dir))?;
        Ok(Self { root: data_dir.canonicalize().map_err(at(data_dir))?, account })
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.root.join("cluster")
    }

    /// Where a new cluster grows until it is whole.
    pub(super) fn nursery(&self) -> PathBuf {
        self.root.join("cluster.new")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The lock that makes this process the cluster's only owner, for as long as the file is open.
    pub(super) fn lock(&self) -> Result<File, LaunchError> {
        let (path, file) = self.lock_file()?;
        let locked = until(Duration::from_millis(500), || match file.try_lock() {
            Ok(()) => Ok(Some(())),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(LaunchError::Io { path: path.clone(), source }),
        })?;
        locked.map(|()| file).ok_or_else(|| LaunchError::Busy(self.root.clone()))
    }

    /// Whether a process holds the lock at this moment.
    pub(super) fn is_locked(&self) -> Result<bool, LaunchError> {
        let (path, file) = self.lock_file()?;
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(LaunchError::Io { path, source }),
        }
    }

    fn lock_file(&self) -> Result<(PathBuf, File), LaunchError> {
        let path = self.root.join("lock");
        let mut options = OpenOptions::new();
        let file =
            options.create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(at(&path))?;
        Ok((path, file))
    }

    /// The log, to write behind what it holds, and how much that is.
    pub(super) fn open_log(&self) -> Result<(File, u64), LaunchError> {
        self.cut_log()?;
        let path = self.log();
        let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(at(&path))?;
        let length = log.metadata().map_err(at(&path))?.len();
        Ok((log, length))
    }

    /// Puts the end of a log that has grown too long aside, and empties it; a server that writes to it goes on doing so.
    pub(super) fn cut_log(&self) -> Result<(), LaunchError> {
        let path = self.log();
        if !fs::metadata(&path).is_ok_and(|log| log.len() > LOG_LIMIT.into()) {
            return Ok(());
        }
        let mut log = OpenOptions::new().read(true).write(true).open(&path).map_err(at(&path))?;
        let kept = self.put_aside(&mut log);
        log.set_len(0).map_err(at(&path))?; // above all where nothing can be put aside: the disk may be full
        kept.map_err(at(&path))
    }

    fn put_aside(&self, log: &mut File) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut aside =
            options.create(true).truncate(true).write(true).mode(0o600).open(self.root.join("log.1"))?;
        log.seek(SeekFrom::End(-i64::from(LOG_LIMIT)))?;
        io::copy(&mut log.take(LOG_LIMIT.into()), &mut aside).map(drop)
    }

    /// An empty directory that only the account enters.
    pub(super) fn make_private(&self, path: &Path) -> Result<(), LaunchError> {
        DirBuilder::new().mode(0o700).create(path).map_err(at(path))?;
        match self.account {
            Some(Account { uid, gid }) => chown(path, Some(uid), Some(gid)).map_err(at(path)),
            None => Ok(()),
        }
    }

    /// The directory of the socket: the same for every start, unless another user of the machine took that
    /// name first.
    pub(super) fn socket(&self) -> Result<PathBuf, LaunchError> {
        let owner = self.account.map_or(geteuid().as_raw(), |account| account.uid);
        for attempt in 0..8_u8 {
            let mut name = DefaultHasher::new();
            (&self.root, owner, attempt).hash(&mut name);
            let path = Path::new(SOCKETS).join(format!("ward-{:016x}", name.finish()));
            if fs::symlink_metadata(&path).is_err() {
                self.make_private(&path)?;
            }
            let held = fs::symlink_metadata(&path).map_err(at(&path))?;
            if held.is_dir() && held.uid() == owner && held.mode() & 0o777 == 0o700 {
                return Ok(path);
            }
        }
        Err(LaunchError::NoSocket(PathBuf::from(SOCKETS)))
    }

    /// A program of PostgreSQL, to work on `cluster` as the account, in a process group of its own, so that a
    /// terminal's Ctrl-C reaches it through its owner.
    pub(super) fn command(
        &self,
        binaries: &Binaries,
        program: &str,
        cluster: &Path,
    ) -> Result<Command, LaunchError> {
        let program = binaries.directory().join(program);
        let mut command = match self.account {
            // Above the data directory there may be one that is closed to the account (`/root`, say), so a
            // shell is handed the cluster's directory already open.
            Some(account) if !account.reaches(cluster) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", r#"exec 9<&0 </dev/null; exec "$@""#, "sh"]).arg(program);
                shell.args(["-D", "/proc/self/fd/9"]).stdin(File::open(cluster).map_err(at(cluster))?);
                shell
            }
            _ => {
                let mut command = Command::new(program);
                command.arg("-D").arg(cluster).stdin(Stdio::null());
                command
            }
        };
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid).current_dir("/");
        }
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").process_group(0);
        Ok(command)
    }
}
