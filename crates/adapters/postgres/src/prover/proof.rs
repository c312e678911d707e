use std::fmt;

use super::rule::{RULES, Rule};
use super::versions::shortfall;

/// What the catalogue says about the isolation of tenants.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Proof {
    /// Tenant tables examined.
    pub tables: u64,
    /// Policies on them.
    pub policies: u64,
    /// Functions examined.
    pub functions: u64,
    /// Rules applied.
    pub rules: u64,
    /// Everything that breaks a rule.
    pub findings: Vec<Finding>,
    /// As the server reports it: 150020 is 15.20.
    pub server_version_num: i32,
}

/// An object that breaks a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The broken rule.
    pub rule: &'static Rule,
    /// With its schema, where it has one.
    pub object: String,
    /// What is wrong with it.
    pub detail: String,
}

/// What follows from a [`Proof`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Every rule holds on a server without known holes.
    Proven,
    /// Every rule holds, but the server itself is in doubt, for this reason.
    Degraded(String),
    /// Some rule is broken: serve nobody.
    Refuted(Vec<Finding>),
}

impl Proof {
    /// Findings outweigh a doubtful server.
    pub fn verdict(&self) -> Verdict {
        if !self.findings.is_empty() {
            return Verdict::Refuted(self.findings.clone());
        }
        self.shortfall().map_or(Verdict::Proven, Verdict::Degraded)
    }

    /// Why the version of the server degrades any proof on it, if it does.
    pub fn shortfall(&self) -> Option<String> {
        shortfall(self.server_version_num)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.rule.code, self.object, self.detail)
    }
}

/// One line a rule, each followed by the objects that break it, and the verdict at the end.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shortfall = self.shortfall();
        for rule in &RULES {
            let broken = || self.findings.iter().filter(|finding| finding.rule == rule);
            let mark = match (rule.code, broken().next()) {
                (_, Some(_)) => "FAIL",
                ("R00", None) if shortfall.is_some() => "warn",
                _ => "pass",
            };
            writeln!(f, "{mark} {} {}", rule.code, rule.states)?;
            for finding in broken() {
                writeln!(f, "          {}: {}", finding.object, finding.detail)?;
            }
        }
        write!(f, "{} tables, {} policies, {} functions: ", self.tables, self.policies, self.functions)?;
        match self.verdict() {
            Verdict::Proven => write!(f, "isolation proven"),
            Verdict::Degraded(reason) => write!(f, "isolation holds, but {reason}"),
            Verdict::Refuted(findings) => write!(f, "isolation refuted by {} findings", findings.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, Proof, RULES, Rule, Verdict};

    fn proof(findings: Vec<Finding>, server_version_num: i32) -> Proof {
        Proof { tables: 9, policies: 9, functions: 15, rules: 29, findings, server_version_num }
    }

    #[test]
    fn a_finding_outweighs_the_version_and_an_old_server_degrades() {
        let finding = Finding { rule: &RULES[1], object: "ward.subject".into(), detail: "off".into() };
        assert_eq!(proof(vec![], 150_020).verdict(), Verdict::Proven);
        assert!(
            matches!(proof(vec![], 150_018).verdict(), Verdict::Degraded(reason) if reason.contains("15.18"))
        );
        let refuted = proof(vec![finding.clone()], 150_018);
        assert_eq!(refuted.verdict(), Verdict::Refuted(vec![finding]));
    }

    #[test]
    fn the_report_names_every_rule_and_the_object_that_breaks_it() {
        let finding = Finding { rule: &RULES[2], object: "ward.subject".into(), detail: "not forced".into() };
        let report = proof(vec![finding], 150_018).to_string();
        assert!(RULES.iter().all(|rule| report.contains(rule.code)));
        assert!(report.contains("warn R00"), "{report}");
        assert!(report.contains("pass R01"), "{report}");
        assert!(report.contains(
            "FAIL R02 row-level security binds the owner too\n          ward.subject: not forced\n"
        ));
        assert!(report.ends_with("isolation refuted by 1 findings"));
    }

    #[test]
    fn rules_are_numbered_without_a_gap() {
        for (n, rule) in RULES.iter().enumerate() {
            assert_eq!(rule.code, format!("R{n:02}"));
            assert_eq!(Rule::of(rule.code), Some(rule));
        }
    }
}
