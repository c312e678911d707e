//! What the witness has seen of each log, and its word for what comes next. Nothing of it is held in memory.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use ward::audit::note::{Checkpoint, InvalidNote, Note, NoteSigner as _};
use ward::audit::witness::{Refusal, Vouched};
use ward::kernel::{Clock, SealError};

use crate::disk::{Disk, NotKept, replace};
use crate::key::Key;

/// How many logs are looked at at once: each has one of these to itself, or shares it.
const TURNS: usize = 64;

/// One file a log, by the hash of its origin: the latest checkpoint, with the log's signatures and the witness's.
#[derive(Debug)]
pub(crate) struct Records<D> {
    disk: D,
    key: Key,
    turns: [Mutex<()>; TURNS],
    doubtful: AtomicBool,
}

/// Why there is no word of the witness, or nothing to be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Wordless {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("what was seen of a log can't be read")]
    Unreadable(#[from] std::io::Error),
    #[error("what is kept of a log is not what the witness has signed")]
    Spoilt(#[from] InvalidNote),
    #[error("what is seen can't be kept")]
    Unkept(#[from] NotKept),
    #[error("what was seen last may be lost: only a new start tells")]
    Doubtful,
    #[error(transparent)]
    Unsigned(#[from] SealError),
}

/// The file of a log.
pub(crate) fn name(origin: &str) -> String {
    hex::encode(Sha256::digest(origin))
}

/// Whether it may be the file of a log.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

struct Seen {
    note: Note,
    checkpoint: Checkpoint,
    time: u64,
}

impl<D: Disk> Records<D> {
    pub(crate) fn new(disk: D, key: Key) -> Self {
        Self { disk, key, turns: std::array::from_fn(|_| Mutex::new(())), doubtful: AtomicBool::new(false) }
    }

    pub(crate) fn key(&self) -> String {
        self.key.key().to_string()
    }

    /// Signs what follows on the last checkpoint of its log, having kept it: nobody sees the signature before.
    pub(crate) fn cosign(&self, vouched: Vouched, clock: &dyn Clock) -> Result<String, Wordless> {
        let name = name(vouched.origin());
        let _turn = self.turn(&name)?;
        let seen = self.seen(&name)?;
        let mut note = vouched.following(seen.as_ref().map(|seen| &seen.checkpoint))?;
        let now = u64::try_from(clock.now().timestamp()).unwrap_or_default();
        // A clock that was set back doesn't make a larger tree an older one.
        let time = now.max(seen.map_or(1, |seen| seen.time));
        note.cosign(&self.key, time)?;
        self.keep(&name, &note)?;
        let signature = note.signatures().last().map(ToString::to_string);
        Ok(signature.map_or_else(String::new, |line| line + "\n"))
    }

    /// The latest checkpoint of the log with this file, with the signatures of both.
    pub(crate) fn latest(&self, name: &str) -> Result<Option<String>, Wordless> {
        let _turn = self.turn(name)?;
        Ok(self.seen(name)?.map(|seen| seen.note.to_string()))
    }

    /// Whether what was signed is kept, as far as anybody knows.
    pub(crate) fn is_sound(&self) -> bool {
        !self.doubtful.load(Ordering::SeqCst)
    }

    /// Nobody reads what another is about to replace: it might not last.
    fn turn(&self, name: &str) -> Result<MutexGuard<'_, ()>, Wordless> {
        let digits = name.get(..2).and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let turn = digits.and_then(|digits| self.turns.get(digits % TURNS)).ok_or(Refusal::Unknown)?;
        let turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_sound() { Ok(turn) } else { Err(Wordless::Doubtful) }
    }

    fn seen(&self, file: &str) -> Result<Option<Seen>, Wordless> {
        let Some(text) = self.disk.read(file)? else { return Ok(None) };
        let note = Note::parse(&text)?;
        let signed = note.verify(std::slice::from_ref(self.key.key()))?;
        let time = signed.iter().find_map(|signed| signed.time).ok_or(InvalidNote::Unsigned)?;
        let checkpoint = Checkpoint::parse(&note)?;
        if name(&checkpoint.origin) != file {
            return Err(InvalidNote::Forged.into());
        }
        Ok(Some(Seen { note, checkpoint, time }))
    }

    fn keep(&self, name: &str, note: &Note) -> Result<(), Wordless> {
        let kept = replace(&self.disk, name, &note.to_string());
        if matches!(kept, Err(NotKept::Doubtful(_))) {
            self.doubtful.store(true, Ordering::SeqCst);
        }
        Ok(kept?)
    }
}
