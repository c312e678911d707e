//! A place for a cluster, and ways to ask it.

use std::env;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use ward_postgres::launcher::{Binaries, Cluster, Durability, LaunchError};

/// A directory of the test's own, deleted at its end.
pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("launcher-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        DirBuilder::new().mode(0o755).create(&path).unwrap();
        Self(path)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // a failed test's server may still be writing
    }
}

pub(crate) fn start(data: &Path, durability: Durability) -> Cluster {
    Cluster::start(&Binaries::find(data, None).unwrap(), data, durability).unwrap()
}

/// Starts one that nobody will miss, or says why not.
pub(crate) fn try_start(data: &Path) -> Result<Cluster, LaunchError> {
    Cluster::start(&Binaries::find(data, None)?, data, Durability::None)
}

pub(crate) async fn connect(cluster: &Cluster) -> PgConnection {
    PgConnection::connect(&cluster.url("postgres", "postgres")).await.unwrap()
}

pub(crate) async fn number(connection: &mut PgConnection, sql: &str) -> i32 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.unwrap()
}

pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

/// Whether the process runs; one that is dead and waited for by nobody doesn't.
pub(crate) fn lives(pid: u32) -> bool {
    if !Path::new("/proc/self").exists() {
        let shown = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
        return !shown.stdout.is_empty() && !shown.stdout.starts_with(b"Z");
    }
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
