use std::collections::BTreeMap;
use std::fmt;

/// What an attack tried and got.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Tenant tables attacked.
    pub tables: u64,
    /// Views and other relations read.
    pub views: u64,
    /// Functions called.
    pub functions: u64,
    /// Functions declared to cross tenants, which were left out.
    pub left_out: u64,
    /// Statements tried.
    pub probes: u64,
    /// Those among them that could have got nothing anyway, since the victim, or the attacker, has no row there.
    pub vacuous: u64,
    /// Those whose refusal has another reason (a lock, a time limit, a check of the table's own), so that they tell nothing.
    pub inconclusive: u64,
    /// Those that got something.
    pub breaches: Vec<Breach>,
}

/// A statement that got through to another tenant.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Breach {
    /// What was attacked.
    pub object: String,
    /// How.
    pub probe: &'static str,
    /// With which tenant set.
    pub context: &'static str,
    /// What came of it; holds no value of any tenant's.
    pub detail: String,
}

impl Report {
    /// With the breaches alone that showed `again`, whatever came of them there.
    pub(super) fn confirmed_by(mut self, again: &Self) -> Self {
        let is_same = |one: &Breach, other: &Breach| {
            (&one.object, one.probe, one.context) == (&other.object, other.probe, other.context)
        };
        self.breaches.retain(|breach| again.breaches.iter().any(|other| is_same(breach, other)));
        self
    }

    /// Statements that proved something.
    pub fn telling(&self) -> u64 {
        self.probes.saturating_sub(self.vacuous).saturating_sub(self.inconclusive)
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} with {}: {}", self.object, self.probe, self.context, self.detail)
    }
}

/// The breaches of each object, and the sums.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut objects: BTreeMap<&str, Vec<&Breach>> = BTreeMap::new();
        for breach in &self.breaches {
            objects.entry(&breach.object).or_default().push(breach);
        }
        for (object, breaches) in objects {
            writeln!(f, "FAIL {object}")?;
            for breach in breaches {
                writeln!(f, "     {} with {}: {}", breach.probe, breach.context, breach.detail)?;
            }
        }
        write!(
            f,
            "{} tables, {} views, {} functions ({} left out), {} probes ({} vacuous, {} inconclusive): {} breaches",
            self.tables,
            self.views,
            self.functions,
            self.left_out,
            self.probes,
            self.vacuous,
            self.inconclusive,
            self.breaches.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Breach, Report};

    fn report(breaches: &[(&str, &str)]) -> Report {
        let breach = |(object, detail): &(&str, &str)| Breach {
            object: (*object).to_owned(),
            probe: "count",
            context: "with another tenant",
            detail: (*detail).to_owned(),
        };
        Report { breaches: breaches.iter().map(breach).collect(), ..Report::default() }
    }

    #[test]
    fn what_shows_once_alone_is_no_breach() {
        let (first, again) =
            (report(&[("a", "3 rows"), ("b", "1 row")]), report(&[("c", "1 row"), ("a", "4 rows")]));
        assert_eq!(first.confirmed_by(&again).breaches, report(&[("a", "3 rows")]).breaches);
    }
}
