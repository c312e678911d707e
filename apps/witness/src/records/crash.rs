//! Whatever the disk does, and whenever the power goes: the witness never signs for both sides of a fork.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use ward::audit::note::{Checkpoint, Note};
use ward::audit::witness::{Logs, Refusal};

use super::{Records, Wordless, name};
use crate::disk::Disk;
use crate::fixture::{FORK, Log};
use crate::key::Key;
use ward_system::System;

/// What may become of what wasn't synced, at worst and at best.
#[derive(Clone, Copy, Debug)]
struct PowerLoss {
    keeps_content: bool,
    keeps_names: bool,
}

/// What a step does that goes wrong.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    /// Which step, counted from now.
    at: usize,
    /// Whether it is done nevertheless.
    done: bool,
    /// Whether it is the last one of this process.
    last: bool,
}

/// A disk that has what isn't synced in memory.
#[derive(Default)]
pub(super) struct Model {
    /// Content, and whether it is synced.
    files: Vec<(String, bool)>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    steps: usize,
    trouble: Option<Trouble>,
}

impl Model {
    fn step<T>(&mut self, does: impl FnOnce(&mut Self) -> T) -> io::Result<T> {
        let step = self.steps;
        self.steps += 1;
        match self.trouble {
            Some(trouble) if step == trouble.at => {
                if trouble.done {
                    does(self);
                }
                Err(io::Error::other("trouble"))
            }
            Some(trouble) if step > trouble.at && trouble.last => Err(io::Error::other("gone")),
            _ => Ok(does(self)),
        }
    }

    fn lose_power(&mut self, loss: PowerLoss) {
        if !loss.keeps_names {
            self.names = self.synced_names.clone();
        }
        for (content, synced) in &mut self.files {
            if !*synced && !loss.keeps_content {
                content.clear();
            }
        }
        self.synced_names = self.names.clone();
        self.trouble = None;
    }
}

impl Disk for Arc<Mutex<Model>> {
    fn read(&self, name: &str) -> io::Result<Option<String>> {
        let read = |disk: &mut Model| Some(disk.files[*disk.names.get(name)?].0.clone());
        self.lock().unwrap().step(read)
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        self.lock().unwrap().step(|disk| {
            let next = disk.files.len();
            let file = *disk.names.entry(name.to_owned()).or_insert(next);
            disk.files.resize(next.max(file + 1), Default::default());
            disk.files[file] = (text.to_owned(), false);
        })
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.lock().unwrap().step(|disk| disk.files[disk.names[name]].1 = true)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.lock().unwrap().step(|disk| {
            let file = disk.names.remove(from).expect("it was written");
            disk.names.insert(to.to_owned(), file);
        })
    }

    fn sync_names(&self) -> io::Result<()> {
        self.lock().unwrap().step(|disk| disk.synced_names = disk.names.clone())
    }
}

/// The world outside: both sides of a log, and what the witness has said of either.
struct Outside {
    disk: Arc<Mutex<Model>>,
    sides: [Log; 2],
    logs: Logs,
    shown: BTreeSet<usize>,
}

impl Outside {
    fn new() -> Self {
        let sides = [1, 2].map(|side| Log::new("log.example", side));
        let logs = sides[0].key.to_string().parse().unwrap();
        let outside = Self { disk: Arc::default(), sides, logs, shown: BTreeSet::new() };
        let shared = outside.sides[0].request(0, FORK).vouched(&outside.logs).unwrap();
        outside.witness().cosign(shared, &System).unwrap();
        outside
    }

    fn witness(&self) -> Records<Arc<Mutex<Model>>> {
        Records::new(self.disk.clone(), Key::new("w.example", &[1; 32]).unwrap())
    }

    /// One side asks for a word, from where the witness says to stand; then everybody looks.
    fn ask(&mut self, witness: &Records<Arc<Mutex<Model>>>, side: usize) {
        const NEW: u64 = FORK + 2;
        let mut old = FORK;
        for _ in 0..2 {
            let request = self.sides[side].request(old, NEW).vouched(&self.logs).unwrap();
            match witness.cosign(request, &System) {
                Err(Wordless::Refused(Refusal::Behind { size })) if size != old => old = size,
                Err(Wordless::Spoilt(error)) => panic!("{error}"),
                word => {
                    self.shown.extend(word.map(|_| side));
                    break;
                }
            }
        }
        if let Ok(Some(shown)) = witness.latest(&name("log.example")) {
            let shown = Checkpoint::parse(&Note::parse(&shown).unwrap()).unwrap();
            let whose = self.sides.iter().position(|log| shown.size > FORK && log.checkpoint(NEW) == shown);
            self.shown.extend(whose);
        }
    }
}

/// Whose word is shown before the power goes, and whose in the end, where the sides ask in this order before.
fn live_through(trouble: Trouble, loss: PowerLoss, order: &[usize]) -> (Option<usize>, usize) {
    let mut outside = Outside::new();
    let mut disk = outside.disk.lock().unwrap();
    (disk.steps, disk.trouble) = (0, Some(trouble));
    drop(disk);
    let witness = outside.witness();
    order.iter().for_each(|&side| outside.ask(&witness, side));
    let before = outside.shown.first().copied();

    outside.disk.lock().unwrap().lose_power(loss);
    let witness = outside.witness();
    [1, 0, 1].into_iter().for_each(|side| outside.ask(&witness, side));
    let shown: Vec<_> = outside.shown.into_iter().collect();
    assert_eq!(shown.len(), 1, "{trouble:?} {loss:?} {order:?}: {shown:?}");
    (before, shown[0])
}

#[test]
fn whatever_the_disk_does_the_witness_signs_for_one_side_of_a_fork() {
    let mut ended = BTreeSet::new();
    for (at, bits) in (0..40).flat_map(|at| (0..16).map(move |bits| (at, bits))) {
        let [done, last, keeps_content, keeps_names] = [1, 2, 4, 8].map(|bit| bits & bit > 0);
        for order in [&[0][..], &[0, 1], &[0, 1, 0]] {
            let (trouble, loss) = (Trouble { at, done, last }, PowerLoss { keeps_content, keeps_names });
            ended.insert(live_through(trouble, loss, order));
        }
    }
    // Nothing was shown and either side comes next; or one was, and stays.
    assert_eq!(ended, BTreeSet::from([(None, 0), (None, 1), (Some(0), 0), (Some(1), 1)]));
}
