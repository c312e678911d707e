use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem_openapi::types::ToJSON as _;
use serde_json::Value;

use super::format::{Layout, Line};

pub(super) const CONTENT_TYPE: &str = "application/x-ndjson";

/// The entry as the API shows it, with what is hashed of it.
pub(super) struct Ndjson;

impl Layout for Ndjson {
    fn write(&self, line: Line, out: &mut String) {
        let leaf = STANDARD.encode(line.leaf.0);
        let mut shown = line.event.to_json().unwrap_or_default();
        if let Value::Object(shown) = &mut shown {
            shown.insert("leaf_hash".into(), leaf.into());
            shown.insert("entry".into(), line.text.into());
        }
        out.push_str(&shown.to_string());
        out.push('\n');
    }
}
