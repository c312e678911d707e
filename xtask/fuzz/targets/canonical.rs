//! An entry is canonical for the verifier where it is for another implementation of RFC 8785.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use ward_audit::verify::{Facts, Reason};

/// Of texts, lists and objects alone, and how deep they lie.
fn depth(value: &Value) -> Option<usize> {
    let below = |mut values: Box<dyn Iterator<Item = &Value> + '_>| {
        values.try_fold(0, |deepest, value| Some(depth(value)?.max(deepest)))
    };
    match value {
        Value::String(_) => Some(0),
        Value::Array(list) => Some(1 + below(Box::new(list.iter()))?),
        Value::Object(object) => Some(1 + below(Box::new(object.values()))?),
        _ => None,
    }
}

fn is_canonical(text: &[u8]) -> bool {
    let Ok(value @ Value::Object(_)) = serde_json::from_slice::<Value>(text) else { return false };
    depth(&value).is_some_and(|depth| depth <= 16)
        && serde_json_canonicalizer::to_vec(&value).is_ok_and(|canonical| canonical == text)
}

fuzz_target!(|text: &[u8]| {
    assert_eq!(Facts::read(text) != Err(Reason::NotCanonical), is_canonical(text));
});
