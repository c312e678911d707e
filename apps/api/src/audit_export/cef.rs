//! Common Event Format 0 in lines of syslog ([RFC 5424](https://www.rfc-editor.org/rfc/rfc5424)).

use std::fmt::Write as _;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem_openapi::types::ToJSON as _;

use super::format::{Layout, Line, Log};
use crate::audit_event::EventView;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The facility of audit logs.
const LOG_AUDIT: u8 = 13;
/// That a text is UTF-8 (RFC 5424, 6.4). Where it is ASCII, nothing need be said, and many readers expect nothing.
const BOM: char = '\u{feff}';

/// A line an entry.
pub(super) struct Cef(pub(super) Log);

impl Layout for Cef {
    fn write(&self, line: Line, out: &mut String) {
        let (message, event) = (self.message(&line), &line.event);
        let severity = if event.outcome == "success" { 6 } else { 4 };
        let _infallible = write!(
            out,
            "<{}>1 {} {} ward-api - {} [origin software=\"ward-api\" swVersion=\"{VERSION}\"] ",
            LOG_AUDIT * 8 + severity,
            event.time,
            name(&self.0.deployment, 255),
            name(&event.action, 32),
        );
        if !message.is_ascii() {
            out.push(BOM);
        }
        out.push_str(&message);
        out.push('\n');
    }
}

impl Cef {
    fn message(&self, line: &Line) -> String {
        let event = &line.event;
        let severity = if event.outcome == "success" { 3 } else { 6 };
        let (action, words) = (header(&event.action), header(&event.action.replace(['.', '_'], " ")));
        let mut message = format!("CEF:0|Ward|ward-api|{VERSION}|{action}|{words}|{severity}|");
        let extensions = self.extensions(line).into_iter().filter(|(_, value)| !value.is_empty());
        for (n, (key, value)) in extensions.enumerate() {
            let space = if n > 0 { " " } else { "" };
            let _infallible = write!(message, "{space}{key}={}", extension(&value));
        }
        message
    }

    /// What CEF's dictionary has a key for; and the rest under keys of Ward's own, of the form that CEF gives them.
    fn extensions(&self, line: &Line) -> Vec<(&'static str, String)> {
        let event = &line.event;
        let mut pairs = vec![
            ("rt", line.at.timestamp_millis().to_string()),
            ("externalId", event.id.to_string()),
            ("cat", "audit".to_owned()),
            ("act", event.operation.clone()),
            ("outcome", event.outcome.clone()),
            ("reason", event.reason.clone().unwrap_or_default()),
            ("suser", event.actor.kind.clone()),
            ("suid", event.actor.id.map(|id| id.to_string()).unwrap_or_default()),
            ("spriv", event.actor.roles.join(" ")),
        ];
        pairs.extend(address(event));
        pairs.extend([
            ("requestClientApplication", event.source.user_agent.clone().unwrap_or_default()),
            ("dvchost", self.0.deployment.clone()),
            ("deviceExternalId", self.0.tenant.to_string()),
            ("WardApiIndex", event.index.to_string()),
            ("WardApiTime", event.time.to_string()),
            ("WardApiEntityKind", event.entity.kind.clone()),
            ("WardApiEntityId", event.entity.id.to_string()),
            ("WardApiCovers", event.covers.to_json_string()),
            ("WardApiChanges", event.changes.to_string()),
            ("WardApiDiscloses", event.discloses.to_json_string()),
            ("WardApiDetails", event.details.to_string()),
            ("WardApiRequestId", event.source.request_id.clone()),
            ("WardApiTraceId", event.source.trace_id.clone().unwrap_or_default()),
            ("WardApiLeafHash", STANDARD.encode(line.leaf.0)),
        ]);
        pairs
    }
}

/// `src` takes an address of IPv4 alone.
fn address(event: &EventView) -> Vec<(&'static str, String)> {
    let Some(ip) = event.source.ip.clone() else { return Vec::new() };
    match ip.parse() {
        Ok(IpAddr::V4(_)) => vec![("src", ip)],
        Ok(IpAddr::V6(_)) => vec![("c6a2", ip), ("c6a2Label", "Source IPv6 Address".to_owned())],
        Err(_) => vec![("shost", ip)],
    }
}

/// A name in syslog's header: printable ASCII without spaces.
fn name(text: &str, most: usize) -> String {
    let letters = text.chars().take(most);
    let name: String = letters.map(|letter| if letter.is_ascii_graphic() { letter } else { '_' }).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

/// A field of CEF's header, which has one line.
fn header(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(is_break, " ")
}

/// A value among the extensions.
fn extension(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('=', "\\=").replace('\n', "\\n").replace('\r', "\\r");
    value.replace(is_break, " ")
}

/// What some readers of lines take for the end of one.
fn is_break(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::{extension, header, name};

    #[test]
    fn what_separates_fields_is_escaped_where_it_does() {
        assert_eq!(header("a|b\\c=d\ne"), "a\\|b\\\\c=d e");
        assert_eq!(extension("a|b\\c=d\r\ne"), "a|b\\\\c\\=d\\r\\ne");
        assert_eq!(extension("a\0b\u{2028}c\u{85}"), "a b c ");
    }

    #[test]
    fn a_name_in_the_header_is_one_word() {
        assert_eq!(name("a b\u{e9}c", 255), "a_b_c");
        assert_eq!(name("abcdef", 3), "abc");
        assert_eq!(name("", 3), "-");
    }
}
