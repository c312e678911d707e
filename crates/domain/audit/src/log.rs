//! A tenant's log, served: its head, proofs from it, and the tiles of which it consists.

use async_trait::async_trait;
use ward_kernel::{EventId, Operation, Requires, StoreError};

use crate::sequence::Head;
use crate::tree::{Hash, Path, Run, StoredTree, Tile, TileKind, follow, follow_all};

/// Shows the head of the log.
pub static CHECKPOINT: Operation = read("auditCheckpoint");
/// Shows that the log only grew.
pub static PROVE_CONSISTENCY: Operation = read("proveAuditConsistency");
/// Shows hashes of the log.
pub static TILE: Operation = read("auditTile");
/// Shows what verifies the log.
pub static KEY: Operation = read("auditKey");

const fn read(id: &'static str) -> Operation {
    Operation {
        id,
        requires: Requires::Permission("audit.read"),
        events: &[],
        writes: false,
        discloses: false,
        controls: &["A4"],
        rate: "read",
        idempotent: false,
    }
}

/// Port: the reader's own log, as a tree.
#[async_trait]
pub trait LogView: StoredTree {
    /// What it last said of itself; nothing, before the first entry has a place.
    async fn head(&mut self) -> Result<Option<Head>, StoreError>;

    /// The last head that witnesses have cosigned, with their word; nothing, where none has.
    async fn witnessed(&mut self) -> Result<Option<Head>, StoreError>;

    /// Where an entry stands, if it has a place, and its text; nothing, where there is none.
    async fn located(&mut self, id: EventId) -> Result<Option<(Option<u64>, String)>, StoreError>;

    /// The texts of `count` entries from `first` on; fewer, where some are no longer kept.
    async fn texts(&mut self, first: u64, count: u16) -> Result<Vec<String>, StoreError>;

    /// From which entry on the log is kept, and the entry of it that says so; nothing, where all of it is.
    async fn start(&mut self) -> Result<Option<Start>, StoreError>;
}

/// Where a log begins whose oldest entries nobody has to keep any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Start {
    /// The first entry that is kept.
    pub first: u64,
    /// The entry that says so.
    pub entry: EventId,
}

/// The first entry that is kept.
pub async fn first(log: &mut (impl LogView + ?Sized)) -> Result<u64, StoreError> {
    Ok(log.start().await?.map_or(0, |start| start.first))
}

/// An entry, and the proof that it is in the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proof {
    /// Its exact text.
    pub entry: String,
    /// Its place.
    pub index: u64,
    /// The hashes beside it, from the leaf's side to the root's.
    pub path: Vec<Hash>,
    /// The head that it leads to.
    pub head: Head,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoProof {
    /// There is no such entry.
    #[error("there is no such entry")]
    Absent,
    /// The entry, or the log, is not yet below such a head.
    #[error("no head of the log stands for it yet")]
    Unplaced,
    /// The log has fewer entries.
    #[error("the log has fewer entries")]
    Beyond,
    /// The entries were older than they have to be kept.
    #[error("entries before {first} are no longer kept")]
    Pruned {
        /// The first that is kept.
        first: u64,
    },
    /// What is stored is not a whole tree.
    #[error("the stored tree is not whole")]
    Broken,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which head of a log to stand on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Which {
    /// The latest.
    Latest,
    /// The latest that witnesses have cosigned.
    Witnessed,
}

/// The head of a log; [unplaced](NoProof::Unplaced), where there is none yet.
pub async fn head(log: &mut (impl LogView + ?Sized), which: Which) -> Result<Head, NoProof> {
    let head = match which {
        Which::Latest => log.head().await?,
        Which::Witnessed => log.witnessed().await?,
    };
    head.ok_or(NoProof::Unplaced)
}

/// Proves that the entry is in the log.
pub async fn prove_entry(
    log: &mut (impl LogView + ?Sized),
    id: EventId,
    which: Which,
) -> Result<Proof, NoProof> {
    let (index, entry) = log.located(id).await?.ok_or(NoProof::Absent)?;
    let index = index.ok_or(NoProof::Unplaced)?;
    let head = head(log, which).await?;
    let path = Path::inclusion(index, head.checkpoint.size).ok_or(NoProof::Unplaced)?;
    let path = follow(log, &path).await?.ok_or(NoProof::Broken)?;
    Ok(Proof { entry, index, path, head })
}

/// Proves of each of these entries that it is in the log of `size` entries, which may have grown since.
pub async fn prove_places(
    log: &mut (impl LogView + ?Sized),
    places: impl IntoIterator<Item = u64>,
    size: u64,
) -> Result<Vec<Vec<Hash>>, NoProof> {
    let paths = places.into_iter().map(|index| Path::inclusion(index, size)).collect::<Option<Vec<_>>>();
    let proofs = follow_all(log, &paths.ok_or(NoProof::Beyond)?).await?;
    proofs.into_iter().collect::<Option<_>>().ok_or(NoProof::Broken)
}

/// Proves that the log of `from` entries is the beginning of that of `to`.
pub async fn prove_consistency(
    log: &mut (impl LogView + ?Sized),
    from: u64,
    to: u64,
) -> Result<Vec<Hash>, NoProof> {
    let size = log.head().await?.map_or(0, |head| head.checkpoint.size);
    let path = Path::consistency(from, to).filter(|_| to <= size).ok_or(NoProof::Beyond)?;
    follow(log, &path).await?.ok_or(NoProof::Broken)
}

/// The bytes of a tile, as [tlog-tiles](https://c2sp.org/tlog-tiles) has them. One that is asked for as narrower than it is now
/// is served as it was; one of which something is missing isn't there, so that a verifier says so.
pub async fn tile(log: &mut (impl LogView + ?Sized), tile: Tile) -> Result<Vec<u8>, NoProof> {
    let size = log.head().await?.map_or(0, |head| head.checkpoint.size);
    let now = Tile::within(tile.kind, tile.index, size).ok_or(NoProof::Beyond)?;
    if tile.width > now.width {
        return Err(NoProof::Beyond);
    }
    let level = match tile.kind {
        TileKind::Entries => {
            let first = first(log).await?;
            if tile.index < first / u64::from(Tile::WIDTH) {
                return Err(NoProof::Pruned { first });
            }
            let texts = log.texts(tile.index * u64::from(Tile::WIDTH), tile.width).await?;
            return if texts.len() == usize::from(tile.width) {
                bundle(&texts)
            } else {
                Err(NoProof::Absent)
            };
        }
        TileKind::Hashes(level) => level,
    };
    let mut hashes = log.hashes(&[Run::tile(level, tile.index, tile.width)]).await?;
    let hashes = hashes.pop().filter(|hashes| hashes.len() == usize::from(tile.width));
    Ok(hashes.ok_or(NoProof::Absent)?.iter().flat_map(|hash| hash.0).collect())
}

/// Each entry behind its length.
fn bundle(texts: &[String]) -> Result<Vec<u8>, NoProof> {
    let mut bundle = Vec::new();
    for text in texts {
        let length = u16::try_from(text.len()).map_err(|_| NoProof::Broken)?;
        bundle.extend(length.to_be_bytes());
        bundle.extend(text.as_bytes());
    }
    Ok(bundle)
}
