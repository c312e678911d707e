use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use ward_kernel::Uuid;

use crate::entry::{Entry, Said};

/// Which entries to find.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
    /// By this user or key.
    pub actor: Option<Uuid>,
    /// Exactly this action.
    pub action: Option<String>,
    /// About this entity, alone or among others.
    pub entity: Option<Uuid>,
    /// `success`, `denied` or `failure`.
    pub outcome: Option<String>,
    /// All of these words, whole, in what isn't sealed: see [`words_of`](Self::words_of).
    pub words: Vec<String>,
    /// From where [`Words`] were told the request came.
    pub address: Option<String>,
}

/// What an entry can be found by: its words, and a word for the address that its request came from, which only the tenant's
/// own key can make.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Words(BTreeSet<String>);

impl Search {
    /// The words of a text: letters, digits and hyphens, in lower case.
    pub fn words_of(text: &str) -> Vec<String> {
        let parts = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
        parts.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect()
    }

    /// Words that every entry has which it finds; none, if it finds them by their time alone.
    pub fn words(&self) -> Words {
        let mut words = Words::default();
        self.action.iter().chain(&self.outcome).for_each(|text| words.add(text));
        words.0.extend(self.words.iter().chain(&self.address).cloned());
        words.0.extend(self.actor.iter().chain(&self.entity).map(Uuid::to_string));
        words
    }

    /// Whether it finds `entry`, which has the [`words`](Self::words).
    pub fn finds(&self, entry: &Entry) -> bool {
        let said = &entry.said;
        let about = |id| said.entity.id == id || said.covers.iter().any(|row| row.id == id);
        self.from.is_none_or(|from| entry.at >= from)
            && self.to.is_none_or(|to| entry.at < to)
            && self.actor.is_none_or(|actor| said.actor.id == Some(actor))
            && self.action.as_ref().is_none_or(|action| said.action == *action)
            && self.outcome.as_ref().is_none_or(|outcome| said.outcome == *outcome)
            && self.entity.is_none_or(about)
            && (self.words.is_empty() || Words::of(said, None).has(&self.words))
    }
}

impl Words {
    /// What a word for an address begins with, and none that is found in a text.
    pub const ADDRESS: &str = "ip:";

    /// Those of an entry, whose request came from `address`. The check of a log expects them of every entry, however old.
    pub fn of(said: &Said, address: Option<String>) -> Self {
        let mut words = Self::default();
        let texts = [&said.action, &said.operation, &said.outcome, &said.entity.kind, &said.actor.kind];
        texts.into_iter().chain([&said.source.request]).chain(&said.reason).for_each(|text| words.add(text));
        words.0.extend(said.actor.id.iter().map(Uuid::to_string));
        words.0.extend(said.covers.iter().chain([&said.entity]).map(|row| row.id.to_string()));
        words.0.extend(address);
        words
    }

    /// The words, each once.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, text: &str) {
        self.0.extend(Search::words_of(text));
    }

    fn has(&self, words: &[String]) -> bool {
        words.iter().all(|word| self.0.contains(word))
    }
}
