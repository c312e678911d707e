//! Leaves are given their places: gapless, in the order in which they are seen committed, and by one replica at a time.

mod error;

use std::collections::HashSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ward_kernel::{EventId, StoreError};

use crate::entry::{Entry, text};
use crate::note::{Checkpoint, InvalidKey, Note, NoteSigner, VerifierKey};
use crate::search::Words;
use crate::tree::{Frontier, Hash, Run, StoredTree, Tile, edge};

pub use error::SequenceError;

/// What a log last said of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// Its size and root.
    pub checkpoint: Checkpoint,
    /// The signed note that says so.
    pub note: String,
    /// The latest time of its entries.
    pub latest: DateTime<Utc>,
}

/// A leaf that has no place yet.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Names it.
    pub id: EventId,
    /// Whether it has a place after all, and nothing to wait for: somebody said twice that it waits.
    pub placed: bool,
    /// What is stored; nothing, if it is gone.
    pub leaf: Option<StoredLeaf>,
}

/// A leaf as it lies in storage.
#[derive(Clone, Debug)]
pub struct StoredLeaf {
    /// When it was written.
    pub at: DateTime<Utc>,
    /// What it says.
    pub body: String,
    /// The code that guards it until it has a place.
    pub mac: Vec<u8>,
    /// Where it came from, sealed.
    pub source: Option<Vec<u8>>,
}

/// A leaf in its place.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Which.
    pub id: EventId,
    /// Its hash.
    pub hash: Hash,
    /// What it can be found by.
    pub words: Words,
}

/// A tile that will never change again.
#[derive(Clone, Debug)]
pub struct FullTile {
    /// How high it is.
    pub level: u8,
    /// Which one, from the left.
    pub index: u64,
    /// The root of the subtree that it holds.
    pub root: Hash,
    /// Its hashes.
    pub hashes: Vec<Hash>,
    /// The latest time of all entries up to its end.
    pub latest: DateTime<Utc>,
}

/// Port: one step of one log's growth. What isn't [finished](Self::finish) leaves nothing.
#[async_trait]
pub trait Growth: StoredTree {
    /// The log's head, held against other replicas until the step is over; nothing, before the first.
    async fn head(&mut self) -> Result<Option<Head>, StoreError>;

    /// The leaves that have waited longest, whole units of them, up to `most` and the rest of a unit.
    async fn waiting(&mut self, most: u32) -> Result<Vec<Waiting>, StoreError>;

    /// Gives leaves the places from `first` on.
    async fn place(&mut self, first: u64, leaves: &[Placed]) -> Result<(), StoreError>;

    /// Reads the text and the hash in each place from `first` on, as they are stored now.
    async fn placed(&mut self, first: u64) -> Result<Vec<(String, Hash)>, StoreError>;

    /// Keeps tiles that are full.
    async fn keep(&mut self, tiles: &[FullTile]) -> Result<(), StoreError>;

    /// Lets up to `most` leaves wait again that were set aside, in this step.
    async fn take_up(&mut self, most: u32) -> Result<(), StoreError>;

    /// Sets aside leaves that are not what was written: they get no place, and stay for whoever looks into it.
    async fn reject(&mut self, leaves: &[EventId]) -> Result<(), StoreError>;

    /// Replaces the head of `size` by a later one, and makes all of it durable.
    async fn finish(self: Box<Self>, size: u64, head: &Head) -> Result<(), StoreError>;
}

/// Port: what only the keys of a tenant can tell.
pub trait LogKeys: Send + Sync {
    /// Whether `mac` is the code of `body`.
    fn guards(&self, body: &str, mac: &[u8]) -> bool;

    /// The word by which the address is found from which an entry came.
    fn address(&self, entry: &Entry) -> Option<String>;

    /// Who signs the heads of the log called `origin` at `now`: one key, or two while one follows another, the newer first.
    fn signers(&self, origin: &str, now: DateTime<Utc>) -> Result<Vec<Box<dyn NoteSigner>>, InvalidKey>;

    /// Who signs them, or ever did.
    fn verifiers(&self, origin: &str) -> Result<Vec<VerifierKey>, InvalidKey>;
}

/// What a step came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// The head now.
    pub head: Head,
    /// How many leaves got a place.
    pub placed: u64,
    /// Leaves that were altered, or deleted, before they had one.
    pub rejected: Vec<EventId>,
    /// How many there may be in a step, and the rest of a unit.
    pub most: u32,
}

impl Step {
    /// Whether more leaves may wait.
    pub fn is_full(&self) -> bool {
        self.placed + self.rejected.len() as u64 >= u64::from(self.most)
    }
}

/// Gives up to `most` waiting leaves their places, if there are any, and signs the head. `seen` is the last head of this log that
/// the caller knows of, and `origin` the name of a log that has none.
pub async fn sequence(
    mut log: Box<dyn Growth>,
    keys: &dyn LogKeys,
    (origin, seen): (&str, Option<&Head>),
    most: u32,
    now: DateTime<Utc>,
) -> Result<Option<Step>, SequenceError> {
    let old = log.head().await?;
    let size = old.as_ref().map_or(0, |head| head.checkpoint.size);
    let origin = old.as_ref().map_or(origin, |head| &head.checkpoint.origin).to_owned();
    let edge = check(&mut *log, old.as_ref(), seen, &keys.verifiers(&origin)?).await?;
    let waiting = log.waiting(most).await?;
    if waiting.is_empty() {
        return Ok(None);
    }
    let began = old.as_ref().map_or(DateTime::UNIX_EPOCH, |head| head.latest);
    let (batch, rejected) = Batch::of(size, began, waiting, keys);
    log.reject(&rejected).await?;
    let taken = |error| taken(error, size, old.is_some());
    log.place(size, &batch.leaves).await.map_err(taken)?;
    let edge = reread(&mut *log, edge, &batch.leaves).await?;
    fill(&mut *log, size, &batch).await.map_err(taken)?;

    let checkpoint = Checkpoint { origin, size: edge.size(), root: edge.root() };
    let mut note = checkpoint.note();
    let signers = keys.signers(&checkpoint.origin, now)?;
    signers.iter().try_for_each(|signer| note.sign(&**signer))?;
    let head = Head { checkpoint, note: note.to_string(), latest: batch.latest() };
    log.finish(size, &head).await?;
    Ok(Some(Step { head, placed: batch.leaves.len() as u64, rejected, most }))
}

/// The right edge of the tree below `head`, if that is the last that was signed.
pub(crate) async fn check(
    log: &mut (impl StoredTree + ?Sized),
    head: Option<&Head>,
    seen: Option<&Head>,
    known: &[VerifierKey],
) -> Result<Frontier, SequenceError> {
    let size = head.map_or(0, |head| head.checkpoint.size);
    let is_now = |seen: &&Checkpoint| head.is_some_and(|head| head.checkpoint == **seen);
    if let Some(seen) = seen.map(|seen| &seen.checkpoint).filter(|seen| !is_now(seen)) {
        if size < seen.size {
            return Err(SequenceError::TakenBack { seen: seen.size, found: size });
        }
        if edge(log, seen.size).await?.is_none_or(|edge| edge.root() != seen.root) {
            return Err(SequenceError::Forked { size: seen.size });
        }
    }
    let Some(head) = head else { return Ok(Frontier::default()) };
    let note = Note::parse(&head.note)?;
    note.verify(known)?;
    let edge = edge(log, size).await?.filter(|edge| edge.root() == head.checkpoint.root);
    match edge {
        Some(edge) if Checkpoint::parse(&note)? == head.checkpoint => Ok(edge),
        _ => Err(SequenceError::Diverged { size }),
    }
}

/// Whoever holds a log's head is alone in giving places; before it has one, another step may have been first.
fn taken(error: StoreError, index: u64, is_held: bool) -> SequenceError {
    match error {
        StoreError::Taken { .. } if is_held => SequenceError::Taken { index },
        StoreError::Taken { .. } => StoreError::Raced(Box::new(error)).into(),
        error => error.into(),
    }
}

/// Lets the tree grow by what is stored, which has to be what was written.
async fn reread(
    log: &mut dyn Growth,
    mut edge: Frontier,
    leaves: &[Placed],
) -> Result<Frontier, SequenceError> {
    let stored = log.placed(edge.size()).await?;
    for (written, (text, hash)) in leaves.iter().zip(&stored) {
        if Hash::leaf(text.as_bytes()) != *hash || *hash != written.hash {
            return Err(SequenceError::Rotten { index: edge.size() });
        }
        edge.push(*hash);
    }
    if stored.len() == leaves.len() { Ok(edge) } else { Err(SequenceError::Rotten { index: edge.size() }) }
}

/// Keeps the tiles that became full, from the lowest to the highest.
async fn fill(log: &mut dyn Growth, size: u64, batch: &Batch) -> Result<(), StoreError> {
    let grown = size + batch.leaves.len() as u64;
    for level in 0.. {
        let full = |leaves: u64| leaves.checked_shr(8 * (u32::from(level) + 1)).unwrap_or_default();
        let indices = full(size)..full(grown);
        if indices.is_empty() {
            break;
        }
        let runs: Vec<_> = indices.clone().map(|index| Run::tile(level, index, Tile::WIDTH)).collect();
        let hashes = log.hashes(&runs).await?;
        let tile = |(index, hashes): (u64, Vec<Hash>)| {
            let mut subtree = Frontier::default();
            subtree.extend(hashes.iter().copied());
            let latest = batch.latest_below((index + 1) << (8 * (u32::from(level) + 1)));
            FullTile { level, index, root: subtree.root(), hashes, latest }
        };
        let tiles: Vec<_> = indices.zip(hashes).map(tile).collect();
        log.keep(&tiles).await?;
    }
    Ok(())
}

impl StoredLeaf {
    fn in_place(self, index: u64) -> Entry {
        let hash = Hash::leaf(text(self.at, &self.body).as_bytes());
        Entry::read((index, hash), self.at, &self.body, self.source)
    }
}

/// Leaves that are given places together.
struct Batch {
    first: u64,
    leaves: Vec<Placed>,
    /// The latest time up to each of them, and before the first.
    latest: Vec<DateTime<Utc>>,
}

impl Batch {
    fn of(
        first: u64,
        began: DateTime<Utc>,
        waiting: Vec<Waiting>,
        keys: &dyn LogKeys,
    ) -> (Self, Vec<EventId>) {
        let mut batch = Self { first, leaves: Vec::with_capacity(waiting.len()), latest: vec![began] };
        let (mut rejected, mut seen) = (Vec::new(), HashSet::new());
        for Waiting { id, placed, leaf } in waiting {
            if placed || !seen.insert(id) {
                continue;
            }
            let entry = leaf
                .filter(|leaf| keys.guards(&leaf.body, &leaf.mac))
                .map(|leaf| leaf.in_place(batch.next()));
            match entry.filter(|entry| entry.id() == id && entry.is_dated(batch.latest())) {
                Some(entry) => batch.push(&entry, keys),
                None => rejected.push(id),
            }
        }
        (batch, rejected)
    }

    fn push(&mut self, entry: &Entry, keys: &dyn LogKeys) {
        let words = Words::of(&entry.said, keys.address(entry));
        self.latest.push(self.latest().max(entry.at));
        self.leaves.push(Placed { id: entry.id(), hash: entry.hash, words });
    }

    fn next(&self) -> u64 {
        self.first + self.leaves.len() as u64
    }

    fn latest(&self) -> DateTime<Utc> {
        self.latest.last().copied().unwrap_or_default()
    }

    /// The latest time of the entries in places below `place`, which is one of the batch or just behind it.
    fn latest_below(&self, place: u64) -> DateTime<Utc> {
        let within = place.checked_sub(self.first).and_then(|n| self.latest.get(usize::try_from(n).ok()?));
        within.copied().unwrap_or_else(|| self.latest())
    }
}
