use chrono::{NaiveDate, TimeDelta};
use serde::Deserialize;
use ward::assurance::{Claim, Control, Kind, Phase};

/// The heading of what is kept, but not promised on the product's page.
pub(super) const ALSO_KEPT: &str = "Also kept";

/// Reads claims, and adds everything that is wrong with them to `faults`.
pub(super) fn all(raw: Vec<toml::Value>, faults: &mut Vec<String>) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for (n, value) in raw.into_iter().enumerate() {
        let id = value.get("id").and_then(toml::Value::as_str);
        let name = id.map_or_else(|| format!("claim {}", n + 1), |id| format!("claim `{id}`"));
        match value.try_into::<RawClaim>() {
            Err(error) => faults.push(format!("{name}: {}", error.message())),
            Ok(raw) => {
                let wrong = raw.faults(&claims);
                faults.extend(wrong.into_iter().map(|fault| format!("{name}: {fault}")));
                claims.extend(raw.claim());
            }
        }
    }
    claims
}

/// There is no field for a status: it is computed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClaim {
    id: String,
    promises: Vec<String>,
    section: Option<String>,
    #[serde(default)]
    also_kept: bool,
    sentence: String,
    proven: Option<Proven>,
    attested: Option<Attested>,
    inherited: Option<Inherited>,
    roadmap: Option<Roadmap>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proven {
    probe: String,
    /// For how long a run counts.
    minutes: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attested {
    document: String,
    owner: String,
    expires: NaiveDate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inherited {
    provider: String,
    document: String,
    owner: String,
    expires: NaiveDate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Roadmap {
    state: State,
    target: Option<NaiveDate>,
    note: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Available,
    InProgress,
    Roadmap,
}

impl RawClaim {
    fn faults(&self, before: &[Claim]) -> Vec<String> {
        let mut faults = Vec::new();
        if before.iter().any(|claim| claim.id == self.id) {
            faults.push("the id is taken".to_owned());
        }
        let slug = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.id.is_empty() || !self.id.bytes().all(slug) {
            faults.push("the id must be of lower-case letters, digits and hyphens".to_owned());
        }
        if self.promises.is_empty() {
            faults.push("it answers no promise".to_owned());
        }
        let unknown = self.promises.iter().filter(|promise| Control::find(promise).is_none());
        faults.extend(unknown.map(|promise| format!("`{promise}` is in no catalogue")));
        if self.section.is_some() == self.also_kept {
            faults.push("it needs a section, unless it is also kept".to_owned());
        }
        if self.also_kept && self.proven.is_none() {
            faults.push("what is also kept must be proven".to_owned());
        }
        let kinds = [
            self.proven.is_some(),
            self.attested.is_some(),
            self.inherited.is_some(),
            self.roadmap.is_some(),
        ];
        if kinds.into_iter().filter(|given| *given).count() != 1 {
            faults.push(
                "exactly one of proven, attested, inherited and roadmap must stand behind it".to_owned(),
            );
        }
        if self.proven.as_ref().is_some_and(|proven| proven.minutes == 0) {
            faults.push("a run must count for a minute at least".to_owned());
        }
        faults
    }

    /// The claim; nothing stands behind one whose faults were told already.
    fn claim(self) -> Option<Claim> {
        let kind = if let Some(Proven { probe, minutes }) = self.proven {
            Kind::Proven { probe, interval: TimeDelta::minutes(i64::from(minutes)) }
        } else if let Some(Attested { document, owner, expires }) = self.attested {
            Kind::Attested { document, owner, expires }
        } else if let Some(Inherited { provider, document, owner, expires }) = self.inherited {
            Kind::Inherited { provider, document, owner, expires }
        } else {
            let Roadmap { state, target, note } = self.roadmap?;
            Kind::Roadmap { phase: state.into(), target, note }
        };
        Some(Claim {
            controls: Control::references_of(self.promises.iter().map(String::as_str)),
            id: self.id,
            promises: self.promises,
            section: self.section.unwrap_or_else(|| ALSO_KEPT.to_owned()),
            sentence: self.sentence,
            kind,
        })
    }
}

impl From<State> for Phase {
    fn from(state: State) -> Self {
        match state {
            State::Available => Self::Available,
            State::InProgress => Self::InProgress,
            State::Roadmap => Self::Planned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Claim>, Vec<String>> {
        let mut faults = Vec::new();
        let raw = toml::from_str::<toml::Table>(text).unwrap();
        let claims = all(raw["claim"].as_array().unwrap().clone(), &mut faults);
        if faults.is_empty() { Ok(claims) } else { Err(faults) }
    }

    fn claim(more: &str) -> String {
        format!("[[claim]]\nid = 'a'\npromises = ['T1']\nsentence = 'A.'\n{more}\n")
    }

    #[test]
    fn a_document_needs_an_owner_and_an_end() {
        let whole = "section = 'S'\ninherited = { provider = 'P', document = 'D', owner = 'O', expires = '2027-01-31' }";
        let claims = parse(&claim(whole)).unwrap();
        let expires = NaiveDate::from_ymd_opt(2027, 1, 31).unwrap();
        let (provider, document, owner) = ("P".into(), "D".into(), "O".into());
        assert_eq!(claims[0].kind, Kind::Inherited { provider, document, owner, expires });
        for missing in ["owner = 'O', ", ", expires = '2027-01-31'"] {
            assert!(parse(&claim(&whole.replace(missing, ""))).is_err(), "{missing}");
        }
        assert!(
            parse(&claim("section = 'S'\nattested = { document = 'D', owner = 'O', expires = 'never' }"))
                .is_err()
        );
    }

    #[test]
    fn what_does_not_hold_together_is_refused() {
        let proven = "proven = { probe = 'p', minutes = 5 }";
        assert!(parse(&claim(&format!("section = 'S'\n{proven}"))).is_ok());
        for (wrong, told) in [
            (proven.to_owned(), "section"),
            (format!("section = 'S'\nalso_kept = true\n{proven}"), "section"),
            ("section = 'S'\nproven = { probe = 'p', minutes = 0 }".to_owned(), "a minute"),
            ("also_kept = true\nroadmap = { state = 'roadmap', note = 'n' }".to_owned(), "must be proven"),
            (
                format!("section = 'S'\nroadmap = {{ state = 'roadmap', note = 'n' }}\n{proven}"),
                "exactly one",
            ),
            ("section = 'S'\nroadmap = { state = 'active', note = 'n' }".to_owned(), "active"),
            (format!("section = 'S'\n{proven}\n{}section = 'S'\n{proven}", claim("")), "taken"),
        ] {
            let faults = parse(&claim(&wrong)).unwrap_err();
            assert!(faults.iter().any(|fault| fault.contains(told)), "{told}: {faults:?}");
        }
        let unknown = claim(&format!("section = 'S'\n{proven}")).replace("T1", "T99");
        assert_eq!(parse(&unknown).unwrap_err(), ["claim `a`: `T99` is in no catalogue"]);
    }
}
