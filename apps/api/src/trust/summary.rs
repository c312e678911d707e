//! The top of the page: how many promises are kept, which are not, and how old that knowledge is.

use super::html::{escape, terms, time};
use super::words::Tone;
use super::{ClaimKind, ClaimView, TrustDocument};

pub(super) fn summary(trust: &TrustDocument) -> String {
    let checked: Vec<_> =
        trust.claims.iter().filter(|claim| matches!(claim.kind, ClaimKind::Proven)).collect();
    let kept = checked.iter().filter(|claim| claim.status.is_kept()).count();
    format!(
        "<section class=\"summary {tone}\" aria-labelledby=\"Summary\">\
         <h2 id=\"Summary\">{kept} of {all} checked promises kept</h2>{attention}{times}{tally}</section>",
        tone = tone(trust).class(),
        all = checked.len(),
        attention = attention(trust),
        times = times(trust, &checked),
        tally = tally(trust),
    )
}

/// As bad as the worst row that is claimed.
fn tone(trust: &TrustDocument) -> Tone {
    let tones = trust.claims.iter().map(|claim| claim.status.tone()).filter(|tone| *tone != Tone::Open);
    tones.max().unwrap_or(Tone::Open)
}

fn attention(trust: &TrustDocument) -> String {
    let row = |claim: &ClaimView| {
        let (id, sentence) = (escape(&claim.id), escape(beginning(&claim.sentence)));
        format!("<li>{} <a href=\"#{id}\">{sentence}</a></li>", claim.status.badge())
    };
    let rows: String = trust.claims.iter().filter(|claim| claim.status.needs_attention()).map(row).collect();
    if rows.is_empty() { rows } else { format!("<p>To look at:</p><ul class=\"attention\">{rows}</ul>") }
}

/// As far as it makes sense by itself.
fn beginning(sentence: &str) -> &str {
    sentence.split([':', ';', '.']).next().unwrap_or(sentence)
}

fn times(trust: &TrustDocument, checked: &[&ClaimView]) -> String {
    let last = checked.iter().filter_map(|claim| claim.last_run).max();
    let kept = checked.iter().filter(|claim| claim.status.is_kept());
    let lapses = kept.filter_map(|claim| claim.fresh_until).min();
    let told = [
        ("Last check", Some(last.map_or_else(|| "none yet".to_owned(), time))),
        ("Next result to lapse", lapses.map(time)),
        ("Page drawn", Some(time(trust.generated_at))),
    ];
    terms("times", told.into_iter().filter_map(|(term, said)| said.map(|said| (term, said))))
}

fn tally(trust: &TrustDocument) -> String {
    let count =
        |wanted: &[Tone]| trust.claims.iter().filter(|claim| wanted.contains(&claim.status.tone())).count();
    let items = [
        (count(&[Tone::Good]), "Active", "a check passed, in time"),
        (count(&[Tone::Warn, Tone::Bad]), "To look at", "failing, overdue, stale or degraded"),
        (count(&[Tone::Paper]), "By document", "attested or inherited"),
        (count(&[Tone::Open]), "Not proven yet", "available, in progress or on the roadmap"),
    ];
    let item = |(n, what, which): (usize, &str, &str)| {
        format!("<li><strong>{n}</strong> <b>{what}</b> {which}</li>")
    };
    format!("<ul class=\"tally\">{}</ul>", items.into_iter().map(item).collect::<String>())
}
