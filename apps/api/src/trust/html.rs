//! Pieces of HTML.

use crate::http::time::Time;

/// Text as an element or an attribute may hold it.
pub(super) fn escape(text: &str) -> String {
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

pub(super) fn time(at: Time) -> String {
    format!("<time datetime=\"{}\">{}</time>", at.seconds(), at.words())
}

/// Terms and what is said of each, which is HTML already.
pub(super) fn terms<T: AsRef<str>>(class: &str, terms: impl IntoIterator<Item = (T, String)>) -> String {
    let pair =
        |(term, said): (T, String)| format!("<div><dt>{}</dt><dd>{said}</dd></div>", escape(term.as_ref()));
    format!("<dl class=\"{class}\">{}</dl>", terms.into_iter().map(pair).collect::<String>())
}
