//! What an entry says, as [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785) writes JSON. It holds texts, lists and objects only,
//! and what is empty is left out; written in one go, since an imported row has 2 KB of it.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use ward_kernel::{Commitment, Entity, Uuid};

use crate::source::Origin;
use crate::{Change, Leaf, Value};

/// The longest body: with its time it stays below the 65,535 bytes that an entry of a
/// [tile](https://c2sp.org/tlog-tiles) may have.
pub const LONGEST: usize = 65_400;

/// Why an event can't be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unwritable {
    /// It says more than an entry can hold.
    #[error("`{0}` says more than an entry of the log can hold")]
    TooLong(&'static str),
    /// It says two things under one name.
    #[error("`{0}` says two things under one name")]
    Twice(&'static str),
    /// It is no JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// The keys are in the order of RFC 8785.
#[derive(Serialize)]
struct Body<'a> {
    action: &'a str,
    actor: Actor<'a>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    changes: Pairs<'a, Became<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    covers: Vec<Row>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    details: Pairs<'a, &'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    discloses: &'a [std::borrow::Cow<'static, str>],
    entity: Row,
    id: Uuid,
    operation: &'a str,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    source: Whence<'a>,
    tenant: Uuid,
    unit: Uuid,
}

#[derive(Serialize)]
struct Actor<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    kind: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    roles: &'a [String],
}

#[derive(Serialize)]
struct Row {
    id: Uuid,
    kind: &'static str,
}

#[derive(Serialize)]
struct Became<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Held<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Held<'a>>,
}

#[derive(Serialize)]
struct Whence<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<Shown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<Shown<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    request: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
}

/// An object, whose names are sorted.
struct Pairs<'a, T>(Vec<(&'a str, T)>);

struct Held<'a>(&'a Value);

struct Shown<'a>(&'a Commitment);

impl Leaf<'_> {
    /// What the entry will say; its time comes from storage.
    pub fn body(&self, origin: &Origin) -> Result<String, Unwritable> {
        let (who, unit) = (&self.writer.who, self.writer.unit.into());
        let source = who.source();
        let action = self.action.as_str();
        let changes = self.changes.iter().map(|change| (&*change.field, Became::of(change))).collect();
        let details = self.details.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = Body {
            action,
            actor: Actor { id: who.actor().id(), kind: who.actor().kind(), roles: who.roles() },
            changes: Pairs::sorted(changes).ok_or(Unwritable::Twice(action))?,
            covers: self.covers.iter().map(Row::of).collect(),
            details: Pairs::sorted(details).ok_or(Unwritable::Twice(action))?,
            discloses: self.discloses,
            entity: Row::of(&self.entity),
            id: self.id.into(),
            operation: self.writer.operation.id,
            outcome: self.outcome.as_str(),
            reason: self.reason,
            source: Whence {
                agent: origin.agent.as_ref().map(Shown),
                ip: origin.ip.as_ref().map(Shown),
                request: &source.request,
                trace: source.trace.as_deref(),
            },
            tenant: who.tenant().into(),
            unit,
        };
        let text = serde_json::to_string(&body)?;
        if text.len() > LONGEST { Err(Unwritable::TooLong(action)) } else { Ok(text) }
    }
}

impl Row {
    fn of(entity: &Entity) -> Self {
        Self { id: entity.id(), kind: entity.kind() }
    }
}

impl<'a> Became<'a> {
    fn of(change: &'a Change) -> Self {
        Self { after: change.after.as_ref().map(Held), before: change.before.as_ref().map(Held) }
    }
}

impl<'a, T> Pairs<'a, T> {
    /// Sorted by name, by UTF-16 code units as RFC 8785 asks; nothing, if two have the same.
    fn sorted(mut pairs: Vec<(&'a str, T)>) -> Option<Self> {
        pairs.sort_by(|(one, _), (other, _)| order(one, other));
        let unique = pairs.windows(2).all(|two| matches!(two, [(one, _), (other, _)] if one != other));
        unique.then_some(Self(pairs))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn order(one: &str, other: &str) -> Ordering {
    one.encode_utf16().cmp(other.encode_utf16())
}

impl<T: Serialize> Serialize for Pairs<'_, T> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for Held<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Plain(text) => json.serialize_str(text),
            Value::Personal(commitment) => json.collect_map([("commitment", Shown(commitment))]),
        }
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.serialize_str(&STANDARD.encode(self.0.0))
    }
}
