//! What a start makes of what an earlier one left.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sqlx::{Connection as _, Executor as _};
use ward_postgres::launcher::{Durability, attach};

use crate::support::{Place, connect, is_root, lives, number, start};

/// Names the directory in which a copy of this program plays its part.
const PLACE: &str = "WARD_LAUNCHER_TEST_PLACE";
/// Makes that copy keep its cluster until it is killed.
const HOLD: &str = "WARD_LAUNCHER_TEST_HOLD";

/// This program again, for the test that keeps or stops a cluster in `place`.
pub(crate) fn copy_of_me(program: &Path, place: &Path) -> Command {
    let mut copy = Command::new(program);
    copy.args(["--exact", "restart::what_was_written_is_there_after_a_restart", "--nocapture"])
        .env(PLACE, place);
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

#[test]
fn a_cluster_that_was_half_made_is_begun_anew() {
    let place = Place::new();
    let half = place.data().join("cluster.new/base");
    fs::create_dir_all(&half).unwrap();
    start(&place.data(), Durability::None).stop().unwrap();
    assert!(!half.exists());
    assert!(place.data().join("cluster/PG_VERSION").exists());
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
