//! The trust page: plain HTML, no script, one style known by its hash.

use std::fmt::Write as _;

use super::{ClaimView, TrustDocument};
use crate::http::docs::{Document, hash};

const STYLE: &str = include_str!("style.css");

/// Draws the page. What comes from a profile or a probe is escaped.
pub(super) fn render(trust: &TrustDocument) -> Document {
    let mut main = String::new();
    for section in sections(trust) {
        let claims: Vec<_> = trust.claims.iter().filter(|claim| claim.section == section).collect();
        let rows: String = claims.into_iter().map(row).collect();
        let _ =
            write!(main, "<section><h2>{}</h2><ul class=\"claims\">{rows}</ul></section>", escape(section));
    }
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><header><h1>{title}</h1><p class=\"lead\">{lead}</p>{tally}</header>\
         <main>{main}</main><footer><p>Drawn at <time datetime=\"{at}\">{at}</time>. The same as data: \
         <a href=\"/trust.json\">trust.json</a>. What each operation of the API promises: <a href=\"/docs\">reference</a>.\
         </p></footer></body></html>",
        title = escape(&trust.title),
        lead = "A green row is a check that ran against this system within its interval, and passed. Nobody can set a \
                row green by hand: where a check fails, or has not run in time, its row says so.",
        tally = tally(trust),
        at = trust.generated_at.seconds(),
    );
    let policy = format!(
        "default-src 'none'; style-src {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(STYLE)
    );
    Document { html, policy }
}

fn sections(trust: &TrustDocument) -> Vec<&str> {
    let mut sections: Vec<&str> = Vec::new();
    for claim in &trust.claims {
        if !sections.contains(&claim.section.as_str()) {
            sections.push(&claim.section);
        }
    }
    sections
}

fn tally(trust: &TrustDocument) -> String {
    let count =
        |wanted: &[&str]| trust.claims.iter().filter(|claim| wanted.contains(&claim.status.as_str())).count();
    let items = [
        (count(&["active"]), "proven and passing"),
        (count(&["degraded", "stale", "failing", "overdue"]), "needing attention"),
        (count(&["attested", "inherited"]), "by document"),
        (count(&["available", "in_progress", "roadmap"]), "not claimed as kept yet"),
    ];
    let item = |(n, what): &(usize, &str)| format!("<li><strong>{n}</strong>{what}</li>");
    format!("<ul class=\"tally\">{}</ul>", items.iter().map(item).collect::<String>())
}

fn row(claim: &ClaimView) -> String {
    let controls: Vec<_> = claim.controls.iter().map(|control| escape(control)).collect();
    let controls = if controls.is_empty() { String::new() } else { controls.join(" · ") };
    format!(
        "<li class=\"{status}\" id=\"{id}\"><span class=\"status\">{word}</span><div><p class=\"sentence\">{sentence}</p>\
         {seen}<p class=\"controls\">{controls}</p></div></li>",
        status = escape(&claim.status),
        id = escape(&claim.id),
        word = word(&claim.status),
        sentence = escape(&claim.sentence),
        seen = seen(claim),
    )
}

fn seen(claim: &ClaimView) -> String {
    let mut text = String::new();
    if let Some(probe) = &claim.probe {
        let _ = write!(text, "<p class=\"seen\">Check <code>{}</code>: ", escape(probe));
        match (&claim.observed, claim.last_run) {
            (Some(observed), Some(at)) => {
                let _ = write!(
                    text,
                    "{} Ran <time datetime=\"{at}\">{at}</time>",
                    escape(observed),
                    at = at.seconds()
                );
                if let Some(until) = claim.fresh_until {
                    let _ = write!(
                        text,
                        ", good until <time datetime=\"{at}\">{at}</time>",
                        at = until.seconds()
                    );
                }
                text.push_str(".</p>");
            }
            _ => text.push_str("has not run yet.</p>"),
        }
    } else if let Some(observed) = &claim.observed {
        let _ = write!(text, "<p class=\"seen\">{}</p>", escape(observed));
    }
    text
}

fn word(status: &str) -> &'static str {
    match status {
        "active" => "Active",
        "degraded" => "Degraded",
        "failing" => "Failing",
        "stale" => "Stale",
        "available" => "Available",
        "in_progress" => "In progress",
        "attested" => "Attested",
        "inherited" => "Inherited",
        "overdue" => "Overdue",
        _ => "On roadmap",
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
