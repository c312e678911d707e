//! How long logs are kept, and what a log says when it lets go of its oldest entries.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;
use ward_kernel::{Action, Operation, Requires, StoreError, TenantId};

use crate::Event;
use crate::tree::{Hash, StoredTree, edge};

/// The log let go of its oldest entries.
pub const PRUNED: Action = Action::new("audit.pruned");

/// Drops entries that nobody has to keep any more.
pub static PRUNE_LOG: Operation = Operation {
    id: "pruneLog",
    requires: Requires::Job("keeper"),
    events: &[PRUNED],
    writes: true,
    discloses: false,
    controls: &["A5"],
    rate: "job",
    idempotent: false,
};

/// A rule about how long logs are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeepingRule {
    /// So many years at least, each entry from its own time.
    pub years: u16,
    /// Since when the rule is in force.
    pub since: &'static str,
    /// Where it stands.
    pub source: &'static str,
}

/// The rules that Ward knows. The strictest binds every log.
pub static KEEPING_RULES: [KeepingRule; 1] = [KeepingRule {
    years: 6,
    since: "2003-04-21",
    source: "45 CFR 164.316(b)(2)(i): six years from the date of its creation or the date when it last was in effect, whichever is later",
}];

/// For how many years the entries of logs are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeptYears(u16);

/// Not a number of years for which logs may be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{} to {}, in whole years: less is against {}", KeptYears::least().years, KeptYears::MOST, KeptYears::least().source)]
pub struct TooShort;

impl KeptYears {
    /// More is for ever: say nothing.
    const MOST: u16 = 200;

    /// The strictest rule.
    pub fn least() -> KeepingRule {
        let [first, rest @ ..] = KEEPING_RULES;
        rest.into_iter().fold(first, |least, rule| if rule.years > least.years { rule } else { least })
    }
}

impl FromStr for KeptYears {
    type Err = TooShort;

    fn from_str(years: &str) -> Result<Self, TooShort> {
        let years = years.parse().map_err(|_| TooShort)?;
        if (Self::least().years..=Self::MOST).contains(&years) { Ok(Self(years)) } else { Err(TooShort) }
    }
}

impl From<KeptYears> for u16 {
    fn from(years: KeptYears) -> Self {
        years.0
    }
}

impl fmt::Display for KeptYears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} years", self.0)
    }
}

/// That a log begins at another entry than its first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pruned {
    /// The first entry that is left, which begins a tile.
    pub first: u64,
    /// The root of the tree of all entries before it.
    pub root: Hash,
}

impl Pruned {
    /// What there is to say of a log that will begin at `first`; nothing, if its tree isn't stored whole.
    pub async fn of(tree: &mut (impl StoredTree + ?Sized), first: u64) -> Result<Option<Self>, StoreError> {
        Ok(edge(tree, first).await?.map(|edge| Self { first, root: edge.root() }))
    }

    /// Says so, and that all of the entries were made before the day `before`.
    pub fn event(&self, tenant: TenantId, before: impl fmt::Display) -> Event {
        let event = Event::of(&PRUNE_LOG, PRUNED, tenant);
        event.noting("before", before).noting("first", self.first).noting("root", self.root)
    }

    /// What an entry says of it, if it does.
    pub fn read(entry: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Details {
            first: String,
            root: String,
        }
        let entry: Value = serde_json::from_slice(entry).ok()?;
        let event = entry.get("event")?;
        let is_said = event.get("action")?.as_str()? == PRUNED.as_str();
        let Details { first, root } = Details::deserialize(event.get("details")?).ok()?;
        let said = Self { first: first.parse().ok()?, root: Hash::parse(&root)? };
        (is_said && said.first.to_string() == first).then_some(said)
    }
}

#[cfg(test)]
mod tests {
    use super::KeptYears;

    #[test]
    fn a_time_shorter_than_the_rules_is_refused_with_its_source() {
        let years = |text: &str| text.parse::<KeptYears>();
        for short in ["5", "0", "-6", "", "6.5", "six", "201", "65542"] {
            let refused = years(short).unwrap_err().to_string();
            assert!(refused.contains("6 to 200") && refused.contains("45 CFR 164.316(b)(2)(i)"), "{refused}");
        }
        assert_eq!(u16::from(years("6").unwrap()), 6);
        assert_eq!(years("10").unwrap().to_string(), "10 years");
    }
}
