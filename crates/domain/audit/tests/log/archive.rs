//! What is put into an archive, and what is made of that which lies there.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::DateTime;
use futures::executor::block_on;
use ward_audit::archive::{Archive, ArchiveError, Archived, Unarchived, archive};
use ward_audit::log::{LogView, Start};
use ward_audit::note::{Checkpoint, KeyKind};
use ward_audit::sequence::Head;
use ward_audit::tree::{Hash, Run, StoredTree};
use ward_kernel::{EventId, StoreError};

use crate::merkle::root;
use crate::notes::Key;

const ORIGIN: &str = "ward.example/log";
const LATEST: &str = "ward.example/log/checkpoint";

/// A log of so many entries, of which so many were cosigned.
struct Log {
    leaves: Vec<Hash>,
    size: u64,
    witnessed: Option<u64>,
    key: Key,
}

impl Log {
    fn of(size: u64) -> Self {
        let leaves = (0..20).map(|n| Hash::leaf(&[n])).collect();
        Self { leaves, size, witnessed: None, key: Key::new(ORIGIN, KeyKind::Note, 1) }
    }

    fn at(&self, size: u64, cosigned: bool) -> Head {
        let root = root(&self.leaves[..size as usize]);
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size, root };
        let mut note = checkpoint.note();
        note.sign(&self.key).unwrap();
        if cosigned {
            note.cosign(&Key::new("witness", KeyKind::Cosignature, 2), 1).unwrap();
        }
        Head { checkpoint, note: note.to_string(), latest: DateTime::UNIX_EPOCH }
    }
}

#[async_trait]
impl StoredTree for Log {
    async fn hashes(&mut self, runs: &[Run]) -> Result<Vec<Vec<Hash>>, StoreError> {
        let hashes = |run: &Run| {
            let first = run.first as usize;
            self.leaves[..self.size as usize][first..first + usize::from(run.count)].to_vec()
        };
        Ok(runs.iter().map(hashes).collect())
    }
}

#[async_trait]
impl LogView for Log {
    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        Ok((self.size > 0).then(|| self.at(self.size, false)))
    }

    async fn witnessed(&mut self) -> Result<Option<Head>, StoreError> {
        Ok(self.witnessed.map(|size| self.at(size, true)))
    }

    async fn located(&mut self, _: EventId) -> Result<Option<(Option<u64>, String)>, StoreError> {
        unreachable!("nobody asks for an entry")
    }

    async fn texts(&mut self, _: u64, _: u16) -> Result<Vec<String>, StoreError> {
        unreachable!("nobody asks for an entry")
    }

    async fn start(&mut self) -> Result<Option<Start>, StoreError> {
        unreachable!("nobody asks for an entry")
    }
}

/// An archive in memory. It takes so many texts more, and then fails.
#[derive(Default)]
struct Shelf(Mutex<BTreeMap<String, String>>, Mutex<Option<u32>>);

impl Shelf {
    fn fails_after(&self, puts: u32) {
        *self.1.lock().unwrap() = Some(puts);
    }

    fn put(&self, name: &str, text: &str) -> Result<(), ArchiveError> {
        let mut left = self.1.lock().unwrap();
        *left = left.map(|left| left.checked_sub(1).ok_or(ArchiveError("full".into()))).transpose()?;
        self.0.lock().unwrap().insert(name.into(), text.into());
        Ok(())
    }

    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

#[async_trait]
impl Archive for Shelf {
    async fn text(&self, name: &str) -> Result<Option<String>, ArchiveError> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    async fn replace(&self, name: &str, text: &str) -> Result<(), ArchiveError> {
        self.put(name, text)
    }

    async fn add(&self, name: &str, text: &str) -> Result<bool, ArchiveError> {
        if self.names().iter().any(|taken| taken == name) {
            return Ok(false);
        }
        self.put(name, text).map(|()| true)
    }
}

fn put(shelf: &Shelf, log: &mut Log) -> Result<Archived, Unarchived> {
    let keys = [log.key.1.clone()];
    block_on(archive(shelf, log, (ORIGIN, &keys)))
}

fn latest(shelf: &Shelf) -> String {
    shelf.0.lock().unwrap()[LATEST].clone()
}

#[test]
fn the_newest_head_is_put_there_and_every_other_that_was_stays() {
    let (shelf, mut log) = (Shelf::default(), Log::of(0));
    assert_eq!(put(&shelf, &mut log).unwrap(), Archived::Whole, "an empty log has no head");
    assert_eq!(shelf.names(), Vec::<String>::new());
    for size in [3, 7, 13] {
        log.size = size;
        assert_eq!(put(&shelf, &mut log).unwrap(), Archived::Put);
        assert_eq!(put(&shelf, &mut log).unwrap(), Archived::Whole);
        assert_eq!(latest(&shelf), log.at(size, false).note);
    }
    let kept = ["13.checkpoint", "3.checkpoint", "7.checkpoint", "checkpoint"];
    assert_eq!(shelf.names(), kept.map(|name| format!("{ORIGIN}/{name}")));
}

#[test]
fn what_was_cut_short_is_done_when_it_is_tried_again() {
    for puts in 0..2 {
        let (shelf, mut log) = (Shelf::default(), Log::of(9));
        shelf.fails_after(puts);
        assert!(matches!(put(&shelf, &mut log), Err(Unarchived::Archive(_))));
        assert_eq!(shelf.names().len(), puts as usize, "what stays comes first");
        shelf.fails_after(9);
        assert_eq!(put(&shelf, &mut log).unwrap(), Archived::Put);
        assert_eq!(shelf.names().len(), 2);
    }
}

#[test]
fn a_head_with_witnesses_comes_first_and_waits_for_none() {
    let (shelf, mut log) = (Shelf::default(), Log::of(9));
    // Witnessed, behind the newest, newest of all, and behind what lies there.
    for (witnessed, size, expected) in [(5, 9, 5), (5, 9, 9), (9, 9, 9), (9, 11, 11), (10, 12, 12)] {
        (log.witnessed, log.size) = (Some(witnessed), size);
        assert_eq!(put(&shelf, &mut log).unwrap(), Archived::Put);
        assert_eq!(latest(&shelf), log.at(expected, expected == witnessed).note);
    }
}

#[test]
fn an_archive_that_holds_another_log_is_not_written_over() {
    let shelf = Shelf::default();
    put(&shelf, &mut Log::of(9)).unwrap();
    let before = (shelf.names(), latest(&shelf));
    let contradicted = |log: &mut Log| matches!(put(&shelf, log), Err(Unarchived::Contradicted { size: 9 }));

    assert!(contradicted(&mut Log::of(8)), "set back");
    for size in [9, 12] {
        let mut rewritten = Log::of(size);
        rewritten.leaves[4] = Hash::leaf(b"another");
        assert!(contradicted(&mut rewritten), "written anew, {size}");
    }
    let mut elsewhere = Log::of(12);
    elsewhere.key = Key::new(ORIGIN, KeyKind::Note, 3);
    assert!(matches!(put(&shelf, &mut elsewhere), Err(Unarchived::Foreign)), "another key's");
    assert_eq!((shelf.names(), latest(&shelf)), before);

    // The head that stays is asked too where the latest is gone.
    shelf.0.lock().unwrap().remove(LATEST);
    let mut rewritten = Log::of(9);
    rewritten.leaves[4] = Hash::leaf(b"another");
    assert!(contradicted(&mut rewritten));
    assert_eq!(put(&shelf, &mut Log::of(9)).unwrap(), Archived::Put);
}

#[test]
fn what_its_key_never_signed_is_not_taken_for_a_head_of_the_log() {
    let log = Log::of(9);
    let mut other = log.at(5, false).checkpoint;
    other.origin = "ward.example/other".into();
    let mut other = other.note();
    other.sign(&log.key).unwrap();
    let note = log.at(5, false).note;
    let forged = note.replace("\n5\n", "\n6\n");
    for text in ["", "gone", &other.to_string(), &forged] {
        let shelf = Shelf::default();
        shelf.put(LATEST, text).unwrap();
        assert!(matches!(put(&shelf, &mut Log::of(9)), Err(Unarchived::Foreign)), "{text}");
        assert_eq!((shelf.names().len(), latest(&shelf)), (1, text.to_owned()));
    }
}
