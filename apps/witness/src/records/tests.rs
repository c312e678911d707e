use std::io;
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ward::audit::note::{Note, NoteSigner as _};
use ward::audit::witness::{AddCheckpoint, Logs, Refusal};
use ward::kernel::Clock;

use super::crash::Model;
use super::{Records, Wordless, is_name, name};
use crate::disk::{Directory, Disk};
use crate::fixture::Log;
use crate::key::Key;

struct At(i64);

impl Clock for At {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0, 0).unwrap()
    }
}

type InMemory = Arc<Mutex<Model>>;

/// Who reads a file waits for another reader, in vain where they take turns.
#[derive(Default)]
struct Meeting {
    disk: InMemory,
    readers: Mutex<usize>,
    came: Condvar,
}

impl Disk for Meeting {
    fn read(&self, name: &str) -> io::Result<Option<String>> {
        let read = self.disk.read(name);
        let mut readers = self.readers.lock().unwrap();
        *readers += 1;
        self.came.notify_all();
        let alone = |readers: &mut usize| *readers < 2;
        drop(self.came.wait_timeout_while(readers, Duration::from_millis(500), alone).unwrap());
        read
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        self.disk.write(name, text)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.disk.sync(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.disk.sync_names()
    }
}

fn key() -> Key {
    Key::new("w.example", &[1; 32]).unwrap()
}

fn records<D: Disk>(disk: D) -> Records<D> {
    Records::new(disk, key())
}

fn ask<D: Disk>(records: &Records<D>, request: AddCheckpoint, at: i64) -> Result<String, Wordless> {
    let logs: Logs = Log::new("log.example", 1).key.to_string().parse().unwrap();
    records.cosign(request.vouched(&logs)?, &At(at))
}

/// The race that the specification shows: were it won, N+K would be signed and then N, K leaves rolled back.
#[test]
fn of_two_checkpoints_that_follow_the_same_one_at_once_one_is_signed() {
    let records = records(Meeting::default());
    let log = Log::new("log.example", 1);
    let start = Barrier::new(2);
    let words: Vec<_> = thread::scope(|scope| {
        let racer = |size| {
            let (records, log, start) = (&records, &log, &start);
            scope.spawn(move || {
                start.wait();
                (size, ask(records, log.request(0, size), 1))
            })
        };
        [racer(4), racer(6)].map(|racer| racer.join().unwrap()).into()
    });
    let signed: Vec<_> = words.iter().filter(|(_, word)| word.is_ok()).map(|(size, _)| *size).collect();
    assert_eq!(signed.len(), 1, "{words:?}");
    let refused = words.iter().find_map(|(_, word)| word.as_ref().err());
    assert!(
        matches!(refused, Some(Wordless::Refused(Refusal::Behind { size })) if *size == signed[0]),
        "{refused:?}"
    );
}

#[test]
fn a_clock_that_is_set_back_makes_no_larger_tree_an_older_one() {
    let (records, log) = (records(InMemory::default()), Log::new("log.example", 1));
    for (old, new, at, told) in
        [(0, 2, -5, 1), (2, 3, 1_000, 1_000), (3, 4, 900, 1_000), (4, 4, 1_001, 1_001)]
    {
        ask(&records, log.request(old, new), at).unwrap();
        let latest = records.latest(&name("log.example")).unwrap().unwrap();
        let latest = Note::parse(&latest).unwrap();
        assert_eq!(latest.verify(std::slice::from_ref(records.key.key())).unwrap()[0].time, Some(told));
    }
}

#[test]
fn what_is_kept_and_not_as_the_witness_signed_it_is_followed_by_nothing() {
    let disk = InMemory::default();
    let (records, log) = (records(disk.clone()), Log::new("log.example", 1));
    ask(&records, log.request(0, 4), 1).unwrap();
    let kept = disk.read(&name("log.example")).unwrap().unwrap();
    let elsewhere = name("other.example");
    for (file, spoilt) in [
        (name("log.example"), "".to_owned()),
        (name("log.example"), kept.replacen("\n4\n", "\n3\n", 1)),
        (name("log.example"), log.signed(4).to_string()),
        (elsewhere.clone(), kept.clone()),
    ] {
        disk.write(&file, &spoilt).unwrap();
        assert!(matches!(records.latest(&file), Err(Wordless::Spoilt(_))), "{spoilt}");
        if file != elsewhere {
            assert!(matches!(ask(&records, log.request(4, 5), 1), Err(Wordless::Spoilt(_))), "{spoilt}");
        }
    }
}

#[test]
fn the_name_of_a_file_leads_nowhere_else() {
    assert!(is_name(&name("log.example")));
    for other in ["key", "lock", "../key", &"A".repeat(64), &"0".repeat(63), &format!("{}.new", name("a"))] {
        assert!(!is_name(other), "{other}");
    }
}

#[test]
fn a_directory_has_one_owner_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("state");
    let one = Directory::take(&path).unwrap();
    assert!(matches!(Directory::take(&path), Err(crate::disk::NotOurs::Taken)));
    drop(one);
    assert!(Directory::take(&path).is_ok());
}
