//! Whose a cluster is, and the directories that it may lie in.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Output;

use sqlx::Executor as _;
use ward_postgres::launcher::{Binaries, Cluster, Durability, LaunchError, attach};

use crate::restart::copy_of_me;
use crate::support::{Place, connect, is_root, number, start};

const NOBODY: u32 = 65534;

/// Runs the copy on `data` as somebody who isn't root.
fn as_nobody(place: &Place, data: &Path) -> Output {
    let program = place.0.join("test");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let mut copy = copy_of_me(&program, data);
    if is_root() {
        copy.uid(NOBODY).gid(NOBODY);
    }
    loop {
        match copy.output() {
            // A process that another test starts at this moment holds the copy open for a moment.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
            output => return output.unwrap(),
        }
    }
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
    let binaries = Binaries::find(&place.data(), None).unwrap();
    let refused = Cluster::start(&binaries, &below_a_file, Durability::None);
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
