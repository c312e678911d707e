use std::collections::BTreeSet;

use chrono::TimeDelta;
use ward::assurance::{Claim, Control, Kind, Phase};

use super::fields::Fields;
use crate::probe;

/// The heading of what is kept, but not promised on the product's page.
pub(crate) const ALSO_KEPT: &str = "Also kept";

const KINDS: [&str; 4] = ["proven", "attested", "inherited", "roadmap"];

/// Reads every claim, and tells everything that is wrong with them.
pub(super) fn all(profile: &mut Fields<'_>) -> Vec<Claim> {
    let rows = profile.rows("claim", "id");
    if rows.is_empty() {
        profile.fault("it claims nothing");
    }
    let mut taken = BTreeSet::new();
    let mut read = |(at, row): (String, _)| claim(Fields::new(&at, row, profile.faults()), &mut taken);
    rows.into_iter().filter_map(&mut read).collect()
}

/// There is no field for a status: it is computed.
fn claim(mut fields: Fields<'_>, taken: &mut BTreeSet<String>) -> Option<Claim> {
    let id = fields.id("id");
    if id.as_ref().is_some_and(|id| !taken.insert(id.clone())) {
        fields.fault("the id is taken");
    }
    let promises = promises(&mut fields);
    let section = section(&mut fields);
    let sentence = fields.text("sentence");
    let kind = kind(&mut fields);
    fields.end();
    let promises = promises?;
    let controls = Control::references_of(promises.iter().map(String::as_str));
    Some(Claim { id: id?, promises, section: section?, sentence: sentence?, controls, kind: kind? })
}

fn promises(fields: &mut Fields<'_>) -> Option<Vec<String>> {
    let promises: Vec<String> = fields.need("promises")?;
    if promises.is_empty() {
        fields.fault("it answers no promise");
    }
    for promise in promises.iter().filter(|promise| Control::find(promise).is_none()) {
        fields.fault(format_args!("`{promise}` is no control that Ward knows"));
    }
    Some(promises)
}

fn section(fields: &mut Fields<'_>) -> Option<String> {
    let also_kept = fields.want("also_kept").unwrap_or(false);
    if also_kept && fields.holds("section") {
        fields.fault("what is also kept has its section already");
    }
    if also_kept && !fields.holds("proven") {
        fields.fault("what is also kept must be proven");
    }
    if also_kept {
        fields.want::<String>("section");
        return Some(ALSO_KEPT.to_owned());
    }
    fields.text("section")
}

/// Reads all kinds that are given, though one is allowed: what is wrong within each is told too.
fn kind(fields: &mut Fields<'_>) -> Option<Kind> {
    let given: Vec<_> = KINDS.into_iter().filter(|kind| fields.holds(kind)).collect();
    if given.len() != 1 {
        fields.fault(format_args!("exactly one of `{}` must stand behind it", KINDS.join("`, `")));
    }
    let mut kind = None;
    for name in given {
        let Some(mut behind) = fields.inner(name) else { continue };
        kind = match name {
            "proven" => proven(&mut behind),
            "roadmap" => roadmap(&mut behind),
            _ => document(&mut behind, name == "inherited"),
        };
        behind.end();
    }
    kind
}

fn proven(fields: &mut Fields<'_>) -> Option<Kind> {
    let probe = fields.text("probe");
    let minutes: Option<u16> = fields.need("minutes");
    if let Some(unknown) = probe.as_deref().filter(|wanted| !probe::names().any(|known| known == *wanted)) {
        fields.fault(format_args!("there is no check `{unknown}`"));
    }
    if minutes == Some(0) {
        fields.fault("a run must count for a minute at least");
    }
    Some(Kind::Proven { probe: probe?, interval: TimeDelta::minutes(i64::from(minutes?)) })
}

fn document(fields: &mut Fields<'_>, inherited: bool) -> Option<Kind> {
    if !fields.holds("expires") {
        fields.fault("`expires` is missing");
    }
    let provider = inherited.then(|| fields.text("provider"));
    let (document, owner, expires) = (fields.text("document"), fields.text("owner"), fields.day("expires"));
    let (document, owner, expires) = (document?, owner?, expires?);
    Some(match provider {
        Some(provider) => Kind::Inherited { provider: provider?, document, owner, expires },
        None => Kind::Attested { document, owner, expires },
    })
}

fn roadmap(fields: &mut Fields<'_>) -> Option<Kind> {
    let word = fields.text("phase");
    let phase = match word.as_deref() {
        Some("planned") => Some(Phase::Planned),
        Some("in_progress") => Some(Phase::InProgress),
        Some("available") => Some(Phase::Available),
        None => None,
        Some(_) => {
            fields.fault("`phase` must be `planned`, `in_progress` or `available`");
            None
        }
    };
    let dated = fields.holds("target");
    match phase {
        Some(Phase::Planned) if !dated => fields.fault("what is planned needs a `target`"),
        Some(Phase::Available) if dated => fields.fault("what is available has no `target`"),
        _ => {}
    }
    let (target, note) = (fields.day("target"), fields.text("note"));
    Some(Kind::Roadmap { phase: phase?, target, note: note? })
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::super::Profile;
    use super::*;

    /// The profile of one claim, which has these lines.
    fn with(lines: &str) -> Result<Vec<Claim>, Vec<String>> {
        let claim =
            format!("[[claim]]\nid = 'a'\npromises = ['T1']\nsection = 'S'\nsentence = 'A.'\n{lines}\n");
        let head =
            "name = 'x'\ntitle = 'x'\nsuite = 'aes-256-gcm'\napi_key = { prefix = 'xx', checksum = true }\n";
        Profile::parse(&format!("{head}{claim}")).map(|profile| profile.claims)
    }

    #[test]
    fn a_document_needs_an_owner_and_an_end() {
        let whole = "inherited = { provider = 'P', document = 'D', owner = 'O', expires = 2027-01-31 }";
        let expires = NaiveDate::from_ymd_opt(2027, 1, 31).unwrap();
        let (provider, document, owner) = ("P".into(), "D".into(), "O".into());
        assert_eq!(with(whole).unwrap()[0].kind, Kind::Inherited { provider, document, owner, expires });
        for missing in ["provider = 'P', ", "document = 'D', ", "owner = 'O', ", ", expires = 2027-01-31"] {
            assert_eq!(with(&whole.replace(missing, "")).unwrap_err().len(), 1, "{missing}");
        }
        let own = with("attested = { document = 'D', owner = 'O', expires = 2027-01-31 }").unwrap();
        assert!(matches!(own[0].kind, Kind::Attested { .. }));
        assert!(
            with(&whole.replace("inherited", "attested")).is_err(),
            "a provider's document is not our own"
        );
    }

    #[test]
    fn a_plan_has_a_date_and_an_offer_has_none() {
        let road = |phase: &str, target: &str| {
            with(&format!("roadmap = {{ phase = '{phase}', {target}note = 'n' }}"))
        };
        let dated = "target = 2027-06-30, ";
        assert!(road("planned", dated).is_ok() && road("in_progress", dated).is_ok());
        assert!(road("in_progress", "").is_ok() && road("available", "").is_ok());
        assert_eq!(
            road("planned", "").unwrap_err(),
            ["claim `a`: `roadmap`: what is planned needs a `target`"]
        );
        assert_eq!(
            road("available", dated).unwrap_err(),
            ["claim `a`: `roadmap`: what is available has no `target`"]
        );
        assert!(road("active", dated).is_err(), "no profile can make a claim green");
    }
}
