//! The private cluster, started as this process's account and, where that is root, as nobody too.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod bootstrap;
mod log;
mod support;

use std::env;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io::{BufRead as _, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use sqlx::{Connection as _, Executor as _};
use support::{Place, connect, is_root, lives, number, start};
use ward_postgres::launcher::{Binaries, Cluster, Durability, LaunchError, attach};

/// Names the directory in which a copy of this program plays its part.
const PLACE: &str = "WARD_LAUNCHER_TEST_PLACE";
/// Makes that copy keep its cluster until it is killed.
const HOLD: &str = "WARD_LAUNCHER_TEST_HOLD";
const NOBODY: u32 = 65534;

/// This program again, for the test that keeps or stops a cluster in `place`.
fn copy_of_me(program: &Path, place: &Path) -> Command {
    let mut copy = Command::new(program);
    copy.args(["--exact", "what_was_written_is_there_after_a_restart", "--nocapture"]).env(PLACE, place);
    copy.current_dir("/");
    copy
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let own = env::var_os(PLACE).is_none().then(Place::new);
    let data = own.as_ref().map_or_else(|| PathBuf::from(env::var_os(PLACE).unwrap()), Place::data);
    let cluster = start(&data, Durability::Full);
    if env::var_os(HOLD).is_some() {
        println!("\nheld {}", cluster.pid().unwrap());
        std::future::pending::<()>().await;
    }
    connect(&cluster).await.execute("CREATE TABLE kept AS SELECT 42 AS n").await.unwrap();
    let socket = cluster.address().socket().to_owned();
    let (files, pid) = (fs::metadata(data.join("cluster")).unwrap(), cluster.pid().unwrap());
    assert_ne!(files.uid(), 0, "root owns no cluster");
    assert_eq!(files.mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(&socket).unwrap().mode() & 0o777, 0o700);
    cluster.stop().unwrap();
    assert!(!data.join("cluster/postmaster.pid").exists());
    assert!(!socket.exists());
    assert!(!lives(pid));
    let again = start(&data, Durability::Full);
    assert_eq!(again.address().socket(), socket);
    assert_eq!(number(&mut connect(&again).await, "SELECT n FROM kept").await, 42);
    assert_eq!(number(&mut connect(&again).await, "SELECT (current_setting('fsync') = 'on')::int").await, 1);
}

/// Runs the copy on `data` as somebody who isn't root.
fn as_nobody(place: &Place, data: &Path) -> Output {
    let program = place.0.join("test");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let mut copy = copy_of_me(&program, data);
    if is_root() {
        copy.uid(NOBODY).gid(NOBODY);
    }
    copy.output().unwrap()
}

fn make(directory: &Path, mode: u32, owner: u32) {
    fs::create_dir(directory).unwrap();
    fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
    if is_root() {
        std::os::unix::fs::chown(directory, Some(owner), Some(owner)).unwrap();
    }
}

#[test]
fn a_process_that_is_not_root_starts_a_cluster_of_its_own() {
    let place = Place::new();
    // In a directory of its own, and in one of root's that it may write to.
    for (name, mode, owner) in [("own", 0o700, NOBODY), ("shared", 0o777, 0)] {
        let data = place.0.join(name);
        make(&data, mode, owner);
        let done = as_nobody(&place, &data);
        assert!(done.status.success(), "{done:?}");
        assert!(String::from_utf8_lossy(&done.stdout).contains("1 passed"), "{done:?}");
        let owner = if is_root() { NOBODY } else { fs::metadata(&place.0).unwrap().uid() };
        assert_eq!(fs::metadata(data.join("cluster")).unwrap().uid(), owner);
    }
}

#[test]
fn a_directory_that_can_not_be_used_is_named_and_left_as_it_is() {
    let place = Place::new();
    let closed = place.0.join("closed");
    make(&closed, 0o555, NOBODY);
    for data in [closed.clone(), closed.join("data")] {
        let refused = as_nobody(&place, &data);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains("PermissionDenied"), "{refused:?}");
        assert!(said.contains(closed.to_str().unwrap()), "{said}");
    }
    assert_eq!(fs::read_dir(&closed).unwrap().count(), 0);
    let below_a_file = place.0.join("test/data");
    let refused =
        Cluster::start(&Binaries::find(&place.data(), None).unwrap(), &below_a_file, Durability::None);
    assert!(matches!(&refused, Err(LaunchError::Io { path, .. }) if *path == below_a_file), "{refused:?}");
}

#[tokio::test]
async fn a_directory_may_have_any_name() {
    let place = Place::new();
    let mut name = b"it's \"a b\"; $HOME `id` \\ \xc3\xbc,=%\n".to_vec();
    if cfg!(target_os = "linux") {
        name.push(0xff); // no text in any encoding
    }
    let data = place.0.join(OsStr::from_bytes(&name));
    for _ in 0..2 {
        let cluster = start(&data, Durability::None);
        assert_eq!(number(&mut connect(&cluster).await, "SELECT 1").await, 1);
        assert_eq!(attach(&data).unwrap().as_ref(), Some(cluster.address()));
        cluster.stop().unwrap();
    }
}

#[test]
fn of_two_that_start_at_once_one_owns_the_cluster() {
    let place = Place::new();
    let (data, binaries) = (place.data(), Binaries::find(&place.data(), None).unwrap());
    let starting = [0; 2].map(|_| {
        let (data, binaries) = (data.clone(), binaries.clone());
        thread::spawn(move || Cluster::start(&binaries, &data, Durability::None))
    });
    let mut started = starting.map(|thread| thread.join().unwrap());
    started.sort_by_key(Result::is_err);
    assert!(matches!(started, [Ok(_), Err(LaunchError::Busy(_))]), "{started:?}");
}

#[tokio::test]
async fn a_long_path_and_a_closed_parent_are_no_obstacle() {
    let place = Place::new();
    let long = "a-directory-with-a-name-that-goes-on-and-on-and-on-and-on-and-on-and-on-and-on".repeat(2);
    let data = place.0.join(&long).join(&long).join("data");
    DirBuilder::new().recursive(true).mode(0o700).create(&data).unwrap();
    let cluster = start(&data, Durability::None);
    assert_eq!(number(&mut connect(&cluster).await, "SELECT 1").await, 1);
    cluster.stop().unwrap();
    assert!(!data.join("cluster/postmaster.pid").exists());
    let again = start(&data, Durability::None);
    connect(&again).await.execute("CREATE DATABASE more").await.unwrap();
}

/// A process that belongs to whoever runs the cluster, and has nothing to do with it.
struct Bystander(Child);

impl Bystander {
    fn of(data: &Path) -> Self {
        let owner = fs::metadata(data.join("cluster")).unwrap();
        let mut sleep = Command::new("sleep");
        sleep.arg("600").current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        if is_root() {
            sleep.uid(owner.uid()).gid(owner.gid());
        }
        Self(sleep.spawn().unwrap())
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn a_stale_pid_file_is_no_obstacle_and_its_process_is_left_alone() {
    let place = Place::new();
    let data = place.data();
    start(&data, Durability::None).stop().unwrap();
    let mut bystander = Bystander::of(&data);
    let stale = data.join("cluster/postmaster.pid");
    for text in [format!("{}\n/elsewhere\n0\n5432\n/tmp\n\n0 0\nready\n", bystander.0.id()), String::new()] {
        fs::write(&stale, text).unwrap();
        fs::set_permissions(&stale, fs::Permissions::from_mode(0o666)).unwrap();
        let cluster = start(&data, Durability::None);
        assert_eq!(number(&mut connect(&cluster).await, "SELECT 1").await, 1);
        assert!(bystander.0.try_wait().unwrap().is_none(), "the bystander was hit");
    }
}

#[tokio::test]
async fn a_cluster_whose_owner_was_killed_is_stopped_and_started_anew() {
    let place = Place::new();
    let data = place.data();
    let mut owner = copy_of_me(&env::current_exe().unwrap(), &data);
    let mut owner = owner.env(HOLD, "1").stdout(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(owner.stdout.take().unwrap()).lines();
    let held = said.map(Result::unwrap).find_map(|line| line.strip_prefix("held ").map(str::to_owned));
    let orphan: u32 = held.unwrap().parse().unwrap();
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(lives(orphan), "nothing was left behind to stop");
    assert!(attach(&data).unwrap().is_none());
    let cluster = start(&data, Durability::None);
    assert!(!lives(orphan));
    assert_ne!(cluster.pid(), Some(orphan));
    assert_eq!(number(&mut connect(&cluster).await, "SELECT 1").await, 1);
}

#[tokio::test]
async fn a_server_that_was_killed_comes_back_with_what_it_acknowledged() {
    let place = Place::new();
    let mut cluster = start(&place.data(), Durability::Full);
    let mut busy = connect(&cluster).await;
    busy.execute("CREATE TABLE kept AS SELECT 7 AS n").await.unwrap();
    assert!(!cluster.revive().unwrap(), "it had not died");
    let killed = cluster.pid().unwrap();
    assert!(Command::new("kill").args(["-9", &killed.to_string()]).status().unwrap().success());
    while lives(killed) {
        std::thread::yield_now();
    }
    assert!(cluster.revive().unwrap());
    assert!(busy.ping().await.is_err());
    assert_eq!(number(&mut connect(&cluster).await, "SELECT n FROM kept").await, 7);
}

#[test]
fn a_second_owner_is_refused_and_may_attach() {
    let place = Place::new();
    let data = place.data();
    assert!(attach(&data).unwrap().is_none());
    assert!(!data.exists(), "asking made something");
    let cluster = start(&data, Durability::None);
    let second = Cluster::start(&Binaries::find(&data, None).unwrap(), &data, Durability::None);
    assert!(matches!(second, Err(LaunchError::Busy(_))), "{second:?}");
    assert_eq!(attach(&data).unwrap().as_ref(), Some(cluster.address()));
    drop(cluster);
    assert!(attach(&data).unwrap().is_none());
}

#[test]
fn a_cluster_that_was_half_made_is_begun_anew() {
    let place = Place::new();
    let half = place.data().join("cluster.new/base");
    fs::create_dir_all(&half).unwrap();
    start(&place.data(), Durability::None).stop().unwrap();
    assert!(!half.exists());
    assert!(place.data().join("cluster/PG_VERSION").exists());
}

#[test]
fn a_cluster_that_does_not_start_says_why_and_leaves_nothing() {
    let place = Place::new();
    let cluster = start(&place.data(), Durability::None);
    let socket = cluster.address().socket().to_owned();
    cluster.stop().unwrap();
    let settings = place.data().join("cluster/postgresql.conf");
    fs::write(settings, "work_mem = 'plenty'").unwrap();
    let refused =
        Cluster::start(&Binaries::find(&place.data(), None).unwrap(), &place.data(), Durability::None);
    assert!(
        matches!(&refused, Err(LaunchError::Failed { said, .. }) if said.contains("work_mem")),
        "{refused:?}"
    );
    assert!(!socket.exists());
}

#[test]
fn what_is_missing_is_named() {
    let place = Place::new();
    let nothing_here = Binaries::find(&place.data(), Some(&place.0)).unwrap_err();
    assert!(matches!(&nothing_here, LaunchError::NotThere(path) if *path == place.0), "{nothing_here:?}");
    fs::create_dir_all(place.data().join("cluster")).unwrap();
    fs::write(place.data().join("cluster/PG_VERSION"), "9\n").unwrap();
    let other_major = Binaries::find(&place.data(), None).unwrap_err();
    assert!(matches!(other_major, LaunchError::OtherMajor(9)), "{other_major:?}");
    let install =
        if cfg!(target_os = "macos") { "brew install postgresql@17" } else { "apt-get install postgresql" };
    assert!(LaunchError::NotInstalled.to_string().contains(install));
}
