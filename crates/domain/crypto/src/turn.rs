use ward_kernel::{BlindIndex, Indexer, Place};

use crate::material::redacted;
use crate::{Malformed, Sealed, SubjectKey};

/// A person's key and the one that follows it: seals values anew without anybody reading them, so it needs no receipt.
///
/// A value keeps its nonce, which the new key has never seen, so that what the audit log commits to can still be confirmed.
pub struct Turn {
    old: SubjectKey,
    new: SubjectKey,
}

impl Turn {
    pub(crate) fn new(old: SubjectKey, new: SubjectKey) -> Self {
        Self { old, new }
    }

    /// Seals anew what the old key sealed for `place`; nothing, where the new one did already.
    pub fn reseal(&self, place: Place<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>, TurnError> {
        let sealed = Sealed::parse(sealed)?;
        if sealed.key() == self.new.id() {
            return self.new.open(place, sealed).map(|_| None).ok_or(TurnError::Forged);
        }
        let text = self.old.open(place, sealed).ok_or(TurnError::Forged)?;
        let to = &self.new.sealing;
        to.seal_under(sealed.nonce(), &to.header.at(place), &text).map(Some).map_err(|_| TurnError::Forged)
    }

    /// The key that follows.
    pub fn into_new(self) -> SubjectKey {
        self.new
    }
}

redacted!(Turn);

impl SubjectKey {
    /// The blind index by which the value at `place` is found, for indexes that are made anew. Nobody reads the value: `of` keeps
    /// nothing of what it is called with, which is the indexer, `about`, and the text.
    pub fn index(
        &self,
        (place, sealed): (Place<'_>, &[u8]),
        (indexer, about): (&dyn Indexer, &str),
        of: fn(&dyn Indexer, &str, &str) -> Option<BlindIndex>,
    ) -> Result<BlindIndex, TurnError> {
        let text = self.open(place, Sealed::parse(sealed)?).ok_or(TurnError::Forged)?;
        let index = std::str::from_utf8(&text).ok().and_then(|text| of(indexer, about, text));
        index.ok_or(TurnError::Forged)
    }
}

/// Why a value stays under the key that it is under.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TurnError {
    /// It was never sealed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It was altered, moved from another place, or sealed under a third key.
    #[error("the value is not what was sealed here")]
    Forged,
}
