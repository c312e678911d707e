//! Checkpoints of logs kept somewhere else, by whoever doesn't trust the machine that Ward runs on.

use async_trait::async_trait;
use ward_kernel::StoreError;

use crate::log::{LogView, NoProof, prove_consistency};
use crate::note::{Checkpoint, Note, VerifierKey};
use crate::sequence::Head;
use crate::tree::verify_consistency;

/// Port: texts under names, in a place that others read.
#[async_trait]
pub trait Archive: Send + Sync {
    /// The text under a name; nothing, where there is none.
    async fn text(&self, name: &str) -> Result<Option<String>, ArchiveError>;

    /// Puts a text under a name, in the place of another.
    async fn replace(&self, name: &str, text: &str) -> Result<(), ArchiveError>;

    /// Puts a text under a name that has none, and says whether that was so.
    async fn add(&self, name: &str, text: &str) -> Result<bool, ArchiveError>;
}

/// The archive didn't do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the archive doesn't answer as it should")]
pub struct ArchiveError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What is left to do for a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Archived {
    /// Nothing: its newest head lies there.
    Whole,
    /// A head was put there. Whether it lies there, and is still the newest, is to be looked at.
    Put,
}

/// Why the head of a log was not put where others see it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unarchived {
    /// Something lies there that the log's key never signed.
    #[error("under the log's name lies what its key never signed")]
    Foreign,
    /// A head lies there that the log doesn't lead back to: it was set back, or written anew.
    #[error("the archive holds a head of {size} entries, and the log has others")]
    Contradicted {
        /// How many entries that head counts.
        size: u64,
    },
    /// The archive failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The stored tree doesn't say how it grew.
    #[error("the log can't be proven to have grown")]
    Unproven(#[from] NoProof),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Unarchived {
    /// Whether the archive holds another log than this one, rather than failing.
    pub fn is_contradicted(&self) -> bool {
        matches!(self, Self::Foreign | Self::Contradicted { .. })
    }
}

/// Puts the newest head of the log called `origin` under `<origin>/checkpoint`, and before that, for good, under
/// `<origin>/<size>.checkpoint`. The archive is all that is remembered of what was put there: what it holds must be signed by one of
/// `keys`, and be a beginning of the log as it is now.
pub async fn archive(
    archive: &(impl Archive + ?Sized),
    log: &mut (impl LogView + ?Sized),
    (origin, keys): (&str, &[VerifierKey]),
) -> Result<Archived, Unarchived> {
    let latest = format!("{origin}/checkpoint");
    // Before the log is asked: another replica may put there what this one hasn't read.
    let there = archive.text(&latest).await?;
    let Some(head) = log.head().await? else { return Ok(Archived::Whole) };
    let before = there.as_deref().map(|note| vouched(note, origin, keys)).transpose()?;
    if let Some(before) = &before {
        leads_back(log, &head.checkpoint, before).await?;
    }
    let newest = newest(head, log.witnessed().await?, before.map_or(0, |before| before.size));
    if there.as_ref() == Some(&newest.note) {
        return Ok(Archived::Whole);
    }
    keep(archive, &newest, (origin, keys)).await?;
    archive.replace(&latest, &newest.note).await?;
    Ok(Archived::Put)
}

/// The head that witnesses have cosigned, unless a newer one would have to wait for it.
fn newest(head: Head, witnessed: Option<Head>, there: u64) -> Head {
    let size = head.checkpoint.size;
    let worth_it = |seen: &Head| seen.checkpoint.size > there || seen.checkpoint.size == size;
    witnessed.filter(worth_it).unwrap_or(head)
}

async fn keep(
    archive: &(impl Archive + ?Sized),
    head: &Head,
    (origin, keys): (&str, &[VerifierKey]),
) -> Result<(), Unarchived> {
    let name = format!("{origin}/{}.checkpoint", head.checkpoint.size);
    if archive.add(&name, &head.note).await? {
        return Ok(());
    }
    let there = archive.text(&name).await?.ok_or(Unarchived::Foreign)?;
    let there = vouched(&there, origin, keys)?;
    if there == head.checkpoint { Ok(()) } else { Err(Unarchived::Contradicted { size: there.size }) }
}

/// What a note says that one of the log's keys has signed.
fn vouched(note: &str, origin: &str, keys: &[VerifierKey]) -> Result<Checkpoint, Unarchived> {
    let note = Note::parse(note).map_err(|_| Unarchived::Foreign)?;
    note.verify(keys).map_err(|_| Unarchived::Foreign)?;
    Checkpoint::parse(&note).ok().filter(|head| head.origin == origin).ok_or(Unarchived::Foreign)
}

async fn leads_back(
    log: &mut (impl LogView + ?Sized),
    head: &Checkpoint,
    before: &Checkpoint,
) -> Result<(), Unarchived> {
    let contradicted = Unarchived::Contradicted { size: before.size };
    if before.size > head.size {
        return Err(contradicted);
    }
    let proof = prove_consistency(log, before.size, head.size).await?;
    verify_consistency((before.size, before.root), (head.size, head.root), &proof).map_err(|_| contradicted)
}
