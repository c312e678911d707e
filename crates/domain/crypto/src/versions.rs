use std::cmp::Reverse;

use crate::{KeyError, KeyId, KeyPurpose, WrappedKey};

/// The versions of one key, the newest first. What is new is sealed under the [current](Self::current) one; what is
/// older opens under the one that it names.
pub(crate) struct Versions<K> {
    all: Vec<(KeyId, K)>,
    current: usize,
}

impl<K> Versions<K> {
    /// Makes a key of each version stored for `purpose`; there must be one.
    pub(crate) fn open(
        stored: &[WrappedKey],
        purpose: KeyPurpose,
        key: impl Fn(&WrappedKey) -> Result<K, KeyError>,
    ) -> Result<Self, KeyError> {
        let stored = newest_first(stored, purpose)?;
        let current = serving(&stored);
        let all = stored.into_iter().map(|stored| Ok((stored.id, key(stored)?)));
        Ok(Self { all: all.collect::<Result<_, KeyError>>()?, current })
    }

    /// The only version.
    pub(crate) fn only(id: KeyId, key: K) -> Self {
        Self { all: vec![(id, key)], current: 0 }
    }

    /// Under which what is new is sealed.
    #[expect(clippy::indexing_slicing, reason = "`open` and `only` see to it that it is there")]
    pub(crate) fn current(&self) -> &K {
        &self.all[self.current].1
    }

    /// Which one that is.
    #[expect(clippy::indexing_slicing, reason = "`open` and `only` see to it that it is there")]
    pub(crate) fn current_id(&self) -> KeyId {
        self.all[self.current].0
    }

    /// The first that was made of those that there are.
    pub(crate) fn oldest(&self) -> &K {
        self.all.last().map_or(self.current(), |(_, key)| key)
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn of(&self, id: KeyId) -> Option<&K> {
        self.all.iter().find(|(of, _)| *of == id).map(|(_, key)| key)
    }

    /// All of them, the current one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &K> {
        let others = self.all.iter().enumerate().filter(|(at, _)| *at != self.current);
        std::iter::once(self.current()).chain(others.map(|(_, (_, key))| key))
    }
}

/// Which of the versions, the newest first, is current: the newest that is known everywhere. A tenant that was just founded has none such, so its
/// oldest is.
pub(crate) fn serving(newest_first: &[&WrappedKey]) -> usize {
    let known = newest_first.iter().position(|key| key.known);
    known.unwrap_or(newest_first.len().saturating_sub(1))
}

/// The keys stored for `purpose`, at least one, and no id twice.
pub(crate) fn newest_first(stored: &[WrappedKey], purpose: KeyPurpose) -> Result<Vec<&WrappedKey>, KeyError> {
    let mut found: Vec<_> = stored.iter().filter(|key| key.purpose == purpose).collect();
    found.sort_by_key(|key| Reverse(key.id));
    if found.is_empty() {
        return Err(KeyError::Missing(purpose));
    }
    if !found.is_sorted_by(|newer, older| newer.id > older.id) {
        return Err(KeyError::Twice(purpose));
    }
    Ok(found)
}
