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
