//! The trust page: plain HTML, no script, one style known by its hash.
//!
//! What comes from a profile or a check is escaped. The page's own ids have a capital, which no claim's has.

use super::html::escape;
use super::row::row;
use super::summary::summary;
use super::words::legend;
use super::{ClaimView, TrustDocument};
use crate::http::docs::{Document, hash};
use crate::profile::ALSO_KEPT;

const STYLE: &str = include_str!("style.css");

const LEAD: &str = "Each row is one promise, and how it stands at this moment. A green row is a check that ran against \
    this live system within its interval, and passed; nobody can set one green by hand. Where a check fails, or has not \
    run in time, its row says so.";

/// Draws the page.
pub(super) fn render(trust: &TrustDocument) -> Document {
    let sections = sections(trust);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head><body>\
         <header><h1>{title}</h1><p class=\"lead\">{LEAD} <a href=\"#Words\">What each word means</a></p></header>\
         <main>{summary}{contents}{main}{legend}</main>\
         <footer><p>The same as data: <a href=\"/trust.json\">trust.json</a>. What each operation of the API needs, logs \
         and serves: <a href=\"/docs\">API reference</a>. Drawn by Ward {version} for the profile {profile}.</p></footer>\
         </body></html>",
        title = escape(&trust.title),
        summary = summary(trust),
        contents = contents(&sections),
        main = sections.iter().enumerate().map(section).collect::<String>(),
        legend = legend(),
        version = env!("CARGO_PKG_VERSION"),
        profile = escape(&trust.profile),
    );
    let policy = format!(
        "default-src 'none'; style-src {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(STYLE)
    );
    Document { html: html.into(), policy }
}

/// Claims under one heading, in the order of the profile.
type Section<'a> = (&'a str, Vec<&'a ClaimView>);

fn sections(trust: &TrustDocument) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for claim in &trust.claims {
        match sections.iter_mut().find(|(name, _)| *name == claim.section) {
            Some((_, claims)) => claims.push(claim),
            None => sections.push((&claim.section, vec![claim])),
        }
    }
    sections
}

fn contents(sections: &[Section<'_>]) -> String {
    let item = |(n, section): (usize, &Section<'_>)| {
        format!("<li><a href=\"#Section-{n}\">{}</a> {}</li>", escape(section.0), kept(&section.1))
    };
    let items: String = sections.iter().enumerate().map(item).collect();
    format!("<nav aria-label=\"Sections\"><ul>{items}</ul></nav>")
}

fn section((n, (name, claims)): (usize, &Section<'_>)) -> String {
    let about = if *name == ALSO_KEPT {
        "<p>Proven as well, though this product's page does not promise it.</p>"
    } else {
        ""
    };
    format!(
        "<section aria-labelledby=\"Section-{n}\"><h2 id=\"Section-{n}\">{} {}</h2>{about}<ul class=\"claims\">{}</ul></section>",
        escape(name),
        kept(claims),
        claims.iter().copied().map(row).collect::<String>(),
    )
}

fn kept(claims: &[&ClaimView]) -> String {
    let kept = claims.iter().filter(|claim| claim.status.is_kept()).count();
    format!("<small>{kept} of {} kept</small>", claims.len())
}
