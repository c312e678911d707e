//! Why there may be no cluster: another process runs it, it doesn't start, or something is missing.

use std::fs;
use std::thread;

use ward_postgres::launcher::{Binaries, Durability, LaunchError, attach};

use crate::support::{Place, start, try_start};

#[test]
fn of_two_that_start_at_once_one_owns_the_cluster() {
    let place = Place::new();
    let starting = [place.data(), place.data()].map(|data| thread::spawn(move || try_start(&data)));
    let mut started = starting.map(|thread| thread.join().unwrap());
    started.sort_by_key(Result::is_err);
    assert!(matches!(started, [Ok(_), Err(LaunchError::Busy(_))]), "{started:?}");
}

#[test]
fn a_second_owner_is_refused_and_may_attach() {
    let place = Place::new();
    let data = place.data();
    assert!(attach(&data).unwrap().is_none());
    assert!(!data.exists(), "asking made something");
    let cluster = start(&data, Durability::None);
    let second = try_start(&data);
    assert!(matches!(second, Err(LaunchError::Busy(_))), "{second:?}");
    assert_eq!(attach(&data).unwrap().as_ref(), Some(cluster.address()));
    drop(cluster);
    assert!(attach(&data).unwrap().is_none());
}

#[test]
fn a_cluster_that_does_not_start_says_why_and_leaves_nothing() {
    let place = Place::new();
    let cluster = start(&place.data(), Durability::None);
    let socket = cluster.address().socket().to_owned();
    cluster.stop().unwrap();
    let settings = place.data().join("cluster/postgresql.conf");
    fs::write(settings, "work_mem = 'plenty'").unwrap();
    let refused = try_start(&place.data());
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
