//! One promise: how it stands, what it says, what stands behind it, and which requirements it answers.

use super::html::{escape, terms, time};
use super::{ClaimKind, ClaimStatus, ClaimView};

pub(super) fn row(claim: &ClaimView) -> String {
    format!(
        "<li class=\"claim {tone}\" id=\"{id}\"><div>{badge}<p class=\"name\">{promises} <a href=\"#{id}\">{id}</a></p></div><div><p class=\"sentence\">{sentence}</p>{alert}{behind}</div>{controls}</li>",
        tone = claim.status.tone().class(),
        id = escape(&claim.id),
        promises = escape(&claim.promises.join(" ")),
        badge = claim.status.badge(),
        sentence = escape(&claim.sentence),
        alert = alert(claim.status),
        behind = behind(claim),
        controls = controls(claim),
    )
}

fn alert(status: ClaimStatus) -> String {
    if status.needs_attention() {
        format!("<p class=\"alert\">{}</p>", escape(status.means()))
    } else {
        String::new()
    }
}

fn behind(claim: &ClaimView) -> String {
    let observed = claim.observed.as_deref().map(escape);
    match claim.kind {
        ClaimKind::Proven => terms("behind", check(claim, observed)),
        ClaimKind::Attested | ClaimKind::Inherited => {
            terms("behind", observed.map(|document| ("Document", document)))
        }
        ClaimKind::Roadmap => {
            observed.map(|note| format!("<p class=\"note\">{note}</p>")).unwrap_or_default()
        }
    }
}

fn check(claim: &ClaimView, observed: Option<String>) -> impl Iterator<Item = (&'static str, String)> {
    let text = |text: &Option<String>| escape(text.as_deref().unwrap_or_default());
    let did = format!("{} <code>{}</code>", text(&claim.method), text(&claim.probe));
    let until = claim.fresh_until.filter(|_| claim.status != ClaimStatus::Failing).map(time);
    let counts = if claim.status == ClaimStatus::Stale { "counted" } else { "counts" };
    let until = until.map(|until| format!(", {counts} until {until}")).unwrap_or_default();
    let ran = claim.last_run.map_or_else(|| "not yet".to_owned(), |at| format!("{}{until}", time(at)));
    [("Check", Some(did)), ("Saw", observed), ("Ran", Some(ran))]
        .into_iter()
        .filter_map(|(term, said)| said.map(|said| (term, said)))
}

/// By standard.
fn controls(claim: &ClaimView) -> String {
    let mut standards: Vec<(&str, String)> = Vec::new();
    for control in &claim.controls {
        let (standard, number) = control.rsplit_once(' ').unwrap_or(("", control));
        let standard = if standard == "HIPAA" { "HIPAA §" } else { standard };
        let number = format!("<span>{}</span>", escape(number));
        match standards.iter_mut().find(|(known, _)| *known == standard) {
            Some((_, numbers)) => *numbers = format!("{numbers} {number}"),
            None => standards.push((standard, number)),
        }
    }
    terms("controls", standards)
}
