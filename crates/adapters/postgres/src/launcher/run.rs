use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::cluster::Durability;
use super::error::{LaunchError, at};
use super::find::Binaries;
use super::place::Place;
use super::postmaster::{Postmaster, pid_file, signal};

/// Recovery after a crash replays up to a gigabyte of the log.
const START: Duration = Duration::from_secs(120);
/// A fast stop writes everything to disk.
const STOP: Duration = Duration::from_secs(60);
/// An immediate stop writes nothing.
const HALT: Duration = Duration::from_secs(10);
/// The processes of a killed server notice its death within moments.
const ORPHANS: Duration = Duration::from_secs(10);

/// Holds the number of the server's process, beside the socket of port 5432.
const SOCKET_LOCK: &str = ".s.PGSQL.5432.lock";

/// The settings of every cluster. What is logged about a failed statement leaves out its text, its parameters
/// and its rows; but a text that is no uuid, date or number is quoted by its refusal.
const ALWAYS: &[&str] = &[
    "listen_addresses=",
    "port=5432",
    "unix_socket_permissions=0700",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_error_verbosity=terse",
    "log_min_error_statement=panic",
    "log_parameter_max_length=0",
    "log_parameter_max_length_on_error=0",
];

/// The settings of a cluster that nobody will miss.
const THROW_AWAY: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "checkpoint_timeout=1h",
    "max_wal_size=4GB",
    "max_connections=300",
];

/// Makes the cluster where there is none; one that is only half made is begun anew.
pub(super) fn initialise(
    place: &Place,
    binaries: &Binaries,
    durability: Durability,
) -> Result<(), LaunchError> {
    let (cluster, nursery) = (place.cluster(), place.nursery());
    if cluster.exists() {
        return Ok(());
    }
    if nursery.exists() {
        fs::remove_dir_all(&nursery).map_err(at(&nursery))?;
    }
    place.make_private(&nursery)?;
    let mut initdb = place.command(binaries, "initdb", &nursery)?;
    initdb.args([
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-instructions",
    ]);
    initdb.arg(match durability {
        Durability::Full => "--data-checksums",
        Durability::None => "--no-sync",
    });
    let done = initdb.output().map_err(at(binaries.directory()))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        return Err(LaunchError::Failed { program: "initdb", said });
    }
    fs::rename(&nursery, &cluster).map_err(at(&cluster))
}

/// Starts the server and waits until it answers.
pub(super) fn start(
    place: &Place,
    binaries: &Binaries,
    durability: Durability,
    socket: &Path,
) -> Result<Child, LaunchError> {
    let started = until(ORPHANS, || {
        let (log, length) = place.open_log()?;
        let mut postgres = place.command(binaries, "postgres", &place.cluster())?;
        let extra = if durability == Durability::None { THROW_AWAY } else { &[] };
        for setting in ALWAYS.iter().chain(extra) {
            postgres.args(["-c", setting]);
        }
        postgres.arg("-c").arg(format!("unix_socket_directories={}", socket.display()));
        postgres.stdout(Stdio::null()).stderr(log);
        match ready(postgres.spawn().map_err(at(binaries.directory()))?, place, length) {
            Err(LaunchError::Failed { said, .. }) if said.contains("shared memory block") => Ok(None),
            outcome => outcome.map(Some),
        }
    })?;
    let said = "processes of a server that was killed still use the cluster".to_owned();
    started.ok_or(LaunchError::Failed { program: "postgres", said })
}

fn ready(mut child: Child, place: &Place, log_before: u64) -> Result<Child, LaunchError> {
    let (pid, cluster) = (child.id(), place.cluster());
    let up = until(START, || {
        if child.try_wait().map_err(at(&cluster))?.is_some() {
            return Err(LaunchError::Failed { program: "postgres", said: since(log_before, &place.log()) });
        }
        Ok(Postmaster::of(&cluster)?.filter(|server| server.ready && server.pid == pid))
    });
    match up {
        Ok(Some(_)) => Ok(child),
        Ok(None) => {
            stop(&mut child)?;
            Err(LaunchError::Late { after: START, log: place.log() })
        }
        Err(error) => {
            stop(&mut child)?;
            Err(error)
        }
    }
}

/// Ends an owned server: a fast stop, then an immediate one, which the next start recovers from, then by
/// force.
pub(super) fn stop(child: &mut Child) -> Result<(), LaunchError> {
    let nowhere = Path::new("postgres");
    for (word, patience) in [(Signal::INT, STOP), (Signal::QUIT, HALT)] {
        if child.try_wait().map_err(at(nowhere))?.is_some() {
            return Ok(());
        }
        signal(child.id(), word);
        if until(patience, || child.try_wait().map_err(at(nowhere)))?.is_some() {
            return Ok(());
        }
        tracing::warn!(signal = ?word, "PostgreSQL doesn't stop");
    }
    child.kill().and_then(|()| child.wait()).map(drop).map_err(at(nowhere))
}

/// Ends a server whose owner was killed, and takes away what a dead one left in the cluster and beside its socket, since its
/// process number says nothing any more. The caller holds the lock, so no owner is alive.
pub(super) fn clear(cluster: &Path, socket: &Path) -> Result<(), LaunchError> {
    if let Some(server) = Postmaster::of(cluster)? {
        let gone = || Ok((!server.lives_in(cluster)).then_some(()));
        for (word, patience) in [(Signal::INT, STOP), (Signal::QUIT, HALT)] {
            if gone()?.is_none() {
                tracing::warn!(pid = server.pid, "stopping the PostgreSQL of a process that was killed");
                signal(server.pid, word);
                until(patience, gone)?;
            }
        }
        gone()?.ok_or_else(|| LaunchError::Stubborn(cluster.to_owned()))?;
    }
    for stale in [pid_file(cluster), socket.join(SOCKET_LOCK)] {
        if stale.exists() {
            fs::remove_file(&stale).map_err(at(&stale))?;
        }
    }
    Ok(())
}

fn since(offset: u64, log: &Path) -> String {
    let mut said = Vec::new();
    let read = File::open(log).and_then(|mut log| {
        log.seek(SeekFrom::Start(offset))?;
        log.read_to_end(&mut said)
    });
    match read {
        Ok(_) => String::from_utf8_lossy(&said).trim().to_owned(),
        Err(error) => format!("`{}` can't be read: {error}", log.display()),
    }
}

/// Asks every few milliseconds until there is an answer or the time is up.
#[expect(clippy::disallowed_methods, reason = "the launcher blocks, and says so")]
pub(super) fn until<T>(
    limit: Duration,
    mut ask: impl FnMut() -> Result<Option<T>, LaunchError>,
) -> Result<Option<T>, LaunchError> {
    let begun = Instant::now();
    loop {
        match ask()? {
            None if begun.elapsed() < limit => thread::sleep(Duration::from_millis(5)),
            answer => return Ok(answer),
        }
    }
}
