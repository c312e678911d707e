use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem_openapi::types::ToJSON as _;
use uuid::Uuid;

use super::format::{Layout, Line};

const HEADER: &str = "id,index,time,actor_kind,actor_id,roles,action,outcome,reason,operation,entity_kind,entity_id,covers,changes,\
                      discloses,details,ip,user_agent,request_id,trace_id,leaf_hash\r\n";

/// [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180).
pub(super) struct Csv {
    /// Whether cells are left as they are that a spreadsheet would take for formulas.
    pub(super) raw: bool,
}

impl Layout for Csv {
    fn opening(&self) -> &'static str {
        HEADER
    }

    fn write(&self, line: Line, out: &mut String) {
        let cells = cells(line);
        let cells: Vec<_> =
            cells.into_iter().map(|text| quoted(if self.raw { text } else { harmless(&text) })).collect();
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
}

fn cells(line: Line) -> [String; 21] {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let leaf = STANDARD.encode(line.leaf.0);
    let event = line.event;
    [
        event.id.to_string(),
        event.index.to_string(),
        event.time.to_string(),
        event.actor.kind,
        id(event.actor.id),
        event.actor.roles.join(" "),
        event.action,
        event.outcome,
        event.reason.unwrap_or_default(),
        event.operation,
        event.entity.kind,
        event.entity.id.to_string(),
        event.covers.to_json_string(),
        event.changes.to_string(),
        event.discloses.to_json_string(),
        event.details.to_string(),
        event.source.ip.unwrap_or_default(),
        event.source.user_agent.unwrap_or_default(),
        event.source.request_id,
        event.source.trace_id.unwrap_or_default(),
        leaf,
    ]
}

/// With an apostrophe before what a spreadsheet would take for a formula, also behind what it may take for the end of a cell.
fn harmless(text: &str) -> String {
    let (mut safe, mut begins) = (String::with_capacity(text.len()), true);
    for character in text.chars() {
        if begins
            && matches!(
                character,
                '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\0' | '＝' | '＋' | '－' | '＠'
            )
        {
            safe.push('\'');
        }
        begins = matches!(character, ';' | '|' | '\t' | '\r' | '\n');
        safe.push(character);
    }
    safe
}

/// Within quotes where it can't stand alone; what was given an apostrophe too, whose reader may take other things for the end of a
/// cell.
fn quoted(text: String) -> String {
    let needs = text.contains([',', '"', ';', '\'', '\r', '\n']);
    if needs { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::{harmless, quoted};

    #[test]
    fn no_cell_is_a_formula() {
        for (text, safe) in [
            ("plain", "plain"),
            ("=1+1", "\"'=1+1\""),
            ("＝1", "\"'＝1\""),
            ("@x", "\"'@x\""),
            ("\0=x", "\"'\0=x\""),
            ("a,\"b\"", "\"a,\"\"b\"\"\""),
            ("a\r\nb", "\"a\r'\nb\""),
            ("a;=1;2|@x", "\"a;'=1;2|'@x\""),
        ] {
            assert_eq!(quoted(harmless(text)), safe);
        }
    }

    #[test]
    fn a_raw_cell_is_only_quoted() {
        assert_eq!(quoted("=1+1".into()), "=1+1");
        assert_eq!(quoted("=\"a\"\r\n".into()), "\"=\"\"a\"\"\r\n\"");
    }
}
