use std::collections::BTreeSet;

use ward::audit::note::VerifierKey;

use super::{Parse, SinkAt};

/// A witness: where it is asked, and the key with which it cosigns.
#[derive(Clone, Debug)]
pub struct WitnessAt {
    /// The submission prefix, a URL.
    pub url: String,
    /// Its verifier key.
    pub key: VerifierKey,
}

impl Parse<'_> {
    /// Pairs of a URL and a verifier key.
    pub(super) fn witnesses(&mut self) -> Vec<WitnessAt> {
        let text = self.text("WARD_WITNESSES").unwrap_or_default();
        let words: Vec<_> = text.split_whitespace().collect();
        let at = |pair: &[&str]| match pair {
            [url, key] => Some(WitnessAt { url: (*url).to_owned(), key: key.parse().ok()? }),
            _ => None,
        };
        let witnesses: Option<_> = words.chunks(2).map(at).collect();
        if witnesses.is_none() {
            self.errors.push(
                "`WARD_WITNESSES` must be pairs of a URL and a verifier key, all separated by spaces".into(),
            );
        }
        witnesses.unwrap_or_default()
    }

    /// Addresses, each of which is there once.
    pub(super) fn sinks(&mut self) -> Vec<SinkAt> {
        let text = self.text("WARD_LOG_SINKS").unwrap_or_default();
        let sinks: Vec<_> = text.split_whitespace().filter_map(|word| word.parse::<SinkAt>().ok()).collect();
        let names: BTreeSet<_> = sinks.iter().map(SinkAt::name).collect();
        if names.len() < text.split_whitespace().count() {
            self.errors.push(
                "`WARD_LOG_SINKS` must be different addresses like `syslog+tls://HOST:PORT` or `https://HOST/PATH`, separated by spaces"
                    .into(),
            );
        }
        sinks
    }
}
