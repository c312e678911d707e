use serde::{Deserialize, Serialize};
use ward_kernel::holds_card_number;

/// What a tenant chooses for itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Settings {
    /// Whether nobody gets in without a second factor.
    pub mfa_required: bool,
    /// How long a session lasts at most.
    pub session_ttl_seconds: u32,
    /// How long it lasts unused.
    pub idle_timeout_seconds: u32,
    /// The mail domains whose people may join; empty means any.
    pub allowed_email_domains: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mfa_required: false,
            session_ttl_seconds: 12 * 60 * 60,
            idle_timeout_seconds: 30 * 60,
            allowed_email_domains: Vec::new(),
        }
    }
}

/// Which settings to change, and to what.
#[derive(Clone, Debug, Default)]
pub struct SettingsChange {
    /// See [`Settings`].
    pub mfa_required: Option<bool>,
    /// See [`Settings`].
    pub session_ttl_seconds: Option<u32>,
    /// See [`Settings`].
    pub idle_timeout_seconds: Option<u32>,
    /// See [`Settings`].
    pub allowed_email_domains: Option<Vec<String>>,
}

impl Settings {
    /// The settings after `change`, with every fault of it named.
    pub fn changed(&self, change: SettingsChange) -> Result<Self, Vec<InvalidSettings>> {
        let mut next = self.clone();
        let SettingsChange { mfa_required, session_ttl_seconds, idle_timeout_seconds, allowed_email_domains } =
            change;
        set(&mut next.mfa_required, mfa_required);
        set(&mut next.session_ttl_seconds, session_ttl_seconds);
        set(&mut next.idle_timeout_seconds, idle_timeout_seconds);
        let lower = |domains: Vec<String>| domains.iter().map(|domain| domain.to_ascii_lowercase()).collect();
        set(&mut next.allowed_email_domains, allowed_email_domains.map(lower));
        let faults = next.faults();
        if faults.is_empty() { Ok(next) } else { Err(faults) }
    }

    fn faults(&self) -> Vec<InvalidSettings> {
        let mut faults = Vec::new();
        if !(300..=30 * 24 * 60 * 60).contains(&self.session_ttl_seconds) {
            faults.push(InvalidSettings::SessionTtl);
        }
        if !(60..=self.session_ttl_seconds.max(60)).contains(&self.idle_timeout_seconds) {
            faults.push(InvalidSettings::IdleTimeout);
        }
        if self.allowed_email_domains.len() > 100 {
            faults.push(InvalidSettings::TooManyDomains);
        }
        let wrong = self.allowed_email_domains.iter().enumerate().filter(|(_, domain)| !is_domain(domain));
        faults.extend(wrong.map(|(n, _)| InvalidSettings::Domain(n)));
        faults
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// [RFC 1123 §2.1](https://www.rfc-editor.org/rfc/rfc1123#section-2.1), with at least two labels.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label) && !holds_card_number(text)
}

/// What is wrong with a choice.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSettings {
    /// Five minutes to thirty days.
    #[error("must be 300 to 2592000 seconds")]
    SessionTtl,
    /// A minute to the session's whole life.
    #[error("must be 60 seconds to the session's time to live")]
    IdleTimeout,
    /// A hundred at most.
    #[error("must name at most 100 domains")]
    TooManyDomains,
    /// The n-th isn't one.
    #[error("must be a domain name")]
    Domain(usize),
}

impl InvalidSettings {
    /// Which setting, as a JSON pointer below the settings.
    pub fn pointer(&self) -> String {
        match self {
            Self::SessionTtl => "/session_ttl_seconds".into(),
            Self::IdleTimeout => "/idle_timeout_seconds".into(),
            Self::TooManyDomains => "/allowed_email_domains".into(),
            Self::Domain(n) => format!("/allowed_email_domains/{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_at_once() {
        let change = SettingsChange {
            session_ttl_seconds: Some(10),
            idle_timeout_seconds: Some(5),
            // The last begins with a Kelvin sign, whose lower case is a plain k.
            allowed_email_domains: Some(
                ["Example.com", "no domain", "\u{212a}elvin.org"].map(String::from).into(),
            ),
            ..SettingsChange::default()
        };
        let pointers: Vec<_> =
            Settings::default().changed(change).unwrap_err().iter().map(InvalidSettings::pointer).collect();
        assert_eq!(
            pointers,
            [
                "/session_ttl_seconds",
                "/idle_timeout_seconds",
                "/allowed_email_domains/1",
                "/allowed_email_domains/2"
            ]
        );
    }

    #[test]
    fn what_is_not_named_stays() {
        let change = SettingsChange { mfa_required: Some(true), ..SettingsChange::default() };
        let expected = Settings { mfa_required: true, ..Settings::default() };
        assert_eq!(Settings::default().changed(change), Ok(expected));
    }
}
