use super::{Reason, Refuted};
use crate::note::{Checkpoint, InvalidNote, KeyKind, Note, VerifierKey};

/// Whose word counts: it comes from outside of what is verified.
#[derive(Clone, Debug)]
pub struct Trust {
    known: Vec<VerifierKey>,
    quorum: usize,
}

/// Not a set of keys that anything can be verified with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTrust {
    /// A log signs with keys for notes.
    #[error("a key of a log is of type 1")]
    NotALog,
    /// A witness cosigns.
    #[error("a key of a witness is of type 4")]
    NotAWitness,
    /// There is no log's key.
    #[error("no key of a log is given")]
    NoKey,
    /// There are not so many witnesses.
    #[error("more witnesses are asked for than are given")]
    Quorum,
}

/// A checkpoint whose signatures hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Vouched {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// As it is written.
    pub note: Note,
    /// The log's keys that signed it.
    pub signed_by: Vec<VerifierKey>,
    /// The witnesses that cosigned it, and when, in seconds since 1970.
    pub cosigned_by: Vec<(VerifierKey, u64)>,
}

impl Trust {
    /// Trusts one of a log's keys, and so many of the witnesses: all of them, if no number is given.
    pub fn new(
        log: Vec<VerifierKey>,
        mut witnesses: Vec<VerifierKey>,
        quorum: Option<usize>,
    ) -> Result<Self, InvalidTrust> {
        // Whoever is named twice has one voice.
        let all = std::mem::take(&mut witnesses);
        all.into_iter().for_each(|key| {
            if !witnesses.contains(&key) {
                witnesses.push(key)
            }
        });
        let quorum = quorum.unwrap_or(witnesses.len());
        let is_of = |kind| move |key: &VerifierKey| key.kind() == kind;
        match () {
            () if log.is_empty() => Err(InvalidTrust::NoKey),
            () if !log.iter().all(is_of(KeyKind::Note)) => Err(InvalidTrust::NotALog),
            () if !witnesses.iter().all(is_of(KeyKind::Cosignature)) => Err(InvalidTrust::NotAWitness),
            () if quorum > witnesses.len() => Err(InvalidTrust::Quorum),
            () => Ok(Self { known: [log, witnesses].concat(), quorum }),
        }
    }

    /// Reads a checkpoint and verifies who signed it: a key of the log that it names, and witnesses enough.
    pub fn vouch(&self, note: &[u8]) -> Result<Vouched, Refuted> {
        let note = std::str::from_utf8(note).map_err(|_| Reason::Malformed)?;
        let note = Note::parse(note).map_err(reason)?;
        let checkpoint = Checkpoint::parse(&note).map_err(reason)?;
        let (mut signed_by, mut cosigned_by) = (Vec::new(), Vec::<(VerifierKey, u64)>::new());
        for signed in note.verify(&self.known).map_err(reason)? {
            match signed.time {
                Some(time) if cosigned_by.iter().all(|(key, _)| key != signed.key) => {
                    cosigned_by.push((signed.key.clone(), time));
                }
                None if signed.key.name() == checkpoint.origin => signed_by.push(signed.key.clone()),
                _ => {}
            }
        }
        if signed_by.is_empty() {
            return Err(Reason::ForeignKey.into());
        }
        if cosigned_by.len() < self.quorum {
            return Err(Reason::Unwitnessed.into());
        }
        Ok(Vouched { checkpoint, note, signed_by, cosigned_by })
    }
}

fn reason(invalid: InvalidNote) -> Reason {
    match invalid {
        InvalidNote::Malformed => Reason::Malformed,
        InvalidNote::Forged => Reason::BadSignature,
        InvalidNote::Unsigned => Reason::ForeignKey,
    }
}
