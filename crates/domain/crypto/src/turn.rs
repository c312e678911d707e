use ward_kernel::{BlindIndex, Indexer, Place};

use crate::material::redacted;
use crate::sealed::Sealing;
use crate::{Malformed, Sealed, SubjectKey};

/// A person's key and the one that follows it: seals values anew without anybody reading them, so it needs no receipt.
///
/// A value keeps its nonce, which the new key has never seen, so that what the audit log commits to can still be confirmed.
pub struct Turn {
    old: Sealing,
    new: Sealing,
}

impl Turn {
    pub(crate) fn new(old: Sealing, new: Sealing) -> Self {
        Self { old, new }
    }

    /// Seals anew what the old key sealed for `place`; nothing, where the new one did already.
    pub fn reseal(&self, place: Place<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>, TurnError> {
        let (sealed, to) = (Sealed::parse(sealed)?, &self.new);
        let anew = to.header.at(place);
        if sealed.key() == to.header.key {
            return to.open(&anew, sealed).map(|_| None).ok_or(TurnError::Forged);
        }
        let text = self.old.open(&self.old.header.at(place), sealed).ok_or(TurnError::Forged)?;
        to.seal_under(sealed.nonce(), &anew, &text).map(Some).map_err(|_| TurnError::Forged)
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
