use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::{Outcome, Run};

/// One sentence of a trust page, and what stands behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Names it for good.
    pub id: String,
    /// The promises it answers, such as `T1`.
    pub promises: Vec<String>,
    /// Under which heading it stands.
    pub section: String,
    /// What is claimed, and no more than holds.
    pub sentence: String,
    /// The controls it supports, such as `HIPAA 164.312(b)`.
    pub controls: Vec<String>,
    /// What stands behind it.
    pub kind: Kind,
}

/// What stands behind a claim.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// A check that runs against this system, at least this often.
    Proven {
        /// Which check.
        probe: String,
        /// For how long a run counts.
        interval: TimeDelta,
    },
    /// Our own document.
    Attested {
        /// Which.
        document: String,
        /// Who answers for it.
        owner: String,
        /// Until when it holds.
        expires: NaiveDate,
    },
    /// A provider's document.
    Inherited {
        /// Whose.
        provider: String,
        /// Which.
        document: String,
        /// Who keeps track of it.
        owner: String,
        /// Until when it holds.
        expires: NaiveDate,
    },
    /// Not claimed as kept.
    Roadmap {
        /// How far it is.
        phase: Phase,
        /// When it is meant to be kept.
        target: Option<NaiveDate>,
        /// What is missing.
        note: String,
    },
}

/// How far what isn't claimed as kept has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Offered to who asks.
    Available,
    /// Under way.
    InProgress,
    /// Planned.
    Planned,
}

/// How a claim stands: computed from what was seen, by [`Claim::status`] alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// Its check passed in time.
    Active,
    /// Its check passed with a caveat.
    Degraded,
    /// Its check failed.
    Failing,
    /// Its check has not run in time.
    Stale,
    /// Offered, not claimed as kept.
    Available,
    /// Under way, not claimed as kept.
    InProgress,
    /// Our document says so.
    Attested,
    /// A provider's document says so.
    Inherited,
    /// Planned.
    Roadmap,
    /// Its document or its date has passed.
    Overdue,
}

impl Status {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
            Self::Stale => "stale",
            Self::Available => "available",
            Self::InProgress => "in_progress",
            Self::Attested => "attested",
            Self::Inherited => "inherited",
            Self::Roadmap => "roadmap",
            Self::Overdue => "overdue",
        }
    }
}

impl Kind {
    /// The word of the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Proven { .. } => "proven",
            Self::Attested { .. } => "attested",
            Self::Inherited { .. } => "inherited",
            Self::Roadmap { .. } => "roadmap",
        }
    }
}

impl Claim {
    /// The check behind it, if there is one.
    pub fn probe(&self) -> Option<&str> {
        match &self.kind {
            Kind::Proven { probe, .. } => Some(probe),
            _ => None,
        }
    }

    /// How it stands at `now`, given the last run of its check.
    pub fn status(&self, last: Option<&Run>, now: DateTime<Utc>) -> Status {
        match &self.kind {
            Kind::Proven { interval, .. } => last.map_or(Status::Stale, |run| proven(run, *interval, now)),
            Kind::Attested { expires, .. } => dated(*expires, Status::Attested, now),
            Kind::Inherited { expires, .. } => dated(*expires, Status::Inherited, now),
            Kind::Roadmap { phase, target, .. } => {
                let status = match phase {
                    Phase::Available => Status::Available,
                    Phase::InProgress => Status::InProgress,
                    Phase::Planned => Status::Roadmap,
                };
                target.map_or(status, |target| dated(target, status, now))
            }
        }
    }

    /// Until when the last run counts.
    pub fn fresh_until(&self, last: Option<&Run>) -> Option<DateTime<Utc>> {
        match &self.kind {
            Kind::Proven { interval, .. } => last.map(|run| run.at + *interval),
            _ => None,
        }
    }
}

/// A failure stands until a later run passes, however old it is; a pass counts for its interval only.
fn proven(run: &Run, interval: TimeDelta, now: DateTime<Utc>) -> Status {
    match &run.outcome {
        Outcome::Fail => Status::Failing,
        _ if now < run.at || now >= run.at + interval => Status::Stale,
        Outcome::Pass => Status::Active,
        Outcome::Degraded(_) => Status::Degraded,
    }
}

fn dated(end: NaiveDate, status: Status, now: DateTime<Utc>) -> Status {
    if now.date_naive() > end { Status::Overdue } else { status }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;

    fn claim(kind: Kind) -> Claim {
        let (id, section, sentence) = ("x".into(), "x".into(), "x".into());
        Claim { id, promises: vec![], section, sentence, controls: vec![], kind }
    }

    fn noon() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 24, 12, 0, 0).unwrap()
    }

    #[test]
    fn only_a_fresh_pass_is_active() {
        let claim = claim(Kind::Proven { probe: "p".into(), interval: TimeDelta::minutes(5) });
        let run = |outcome| Run { at: noon(), outcome, ..Run::default() };
        let after = |minutes| noon() + TimeDelta::minutes(minutes);
        assert_eq!(claim.status(None, noon()), Status::Stale);
        assert_eq!(claim.status(Some(&run(Outcome::Pass)), after(4)), Status::Active);
        assert_eq!(claim.status(Some(&run(Outcome::Pass)), after(5)), Status::Stale);
        assert_eq!(claim.status(Some(&run(Outcome::Pass)), after(-1)), Status::Stale, "a run of the future");
        assert_eq!(claim.status(Some(&run(Outcome::Degraded("old".into()))), after(4)), Status::Degraded);
        assert_eq!(claim.status(Some(&run(Outcome::Fail)), after(500)), Status::Failing);
    }

    #[test]
    fn what_is_past_its_date_is_overdue() {
        let today = noon().date_naive();
        let attested = |expires| claim(Kind::Attested { document: "d".into(), owner: "o".into(), expires });
        assert_eq!(attested(today).status(None, noon()), Status::Attested);
        assert_eq!(attested(today.pred_opt().unwrap()).status(None, noon()), Status::Overdue);
        let planned = |target| claim(Kind::Roadmap { phase: Phase::Planned, target, note: String::new() });
        assert_eq!(planned(None).status(None, noon()), Status::Roadmap);
        assert_eq!(planned(today.pred_opt()).status(None, noon()), Status::Overdue);
    }
}
