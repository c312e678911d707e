//! What an entry says, as [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785) writes JSON. It holds texts, lists and objects only,
//! and what is empty is left out; written in one go, since an imported row has 2 KB of it.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use ward_kernel::{Commitment, Entity, Text, Uuid};

use crate::source::Origin;
use crate::{Change, Leaf, Outcome, OwnEvent, OwnRow, Value};

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
    covers: Vec<Row<'a>>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    details: Pairs<'a, &'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    discloses: &'a [std::borrow::Cow<'static, str>],
    entity: Row<'a>,
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
struct Row<'a> {
    id: Uuid,
    kind: &'a str,
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

/// What happened, in Ward's words or in a product's.
struct Told<'a> {
    action: &'a str,
    outcome: Outcome,
    reason: Option<&'a str>,
    entity: Row<'a>,
    covers: Vec<Row<'a>>,
    details: Vec<(&'a str, &'a str)>,
}

impl<'a> Leaf<'a> {
    /// What the entry will say; its time comes from storage.
    pub fn body(&self, origin: &Origin) -> Result<String, Unwritable> {
        let (who, unit, source) = (&self.writer.who, self.writer.unit.into(), self.writer.who.source());
        let declared = self.action.as_str();
        let twice = || Unwritable::Twice(declared);
        let told = self.own.map_or_else(|| Told::by(self), Told::by_a_product);
        let changes = self.changes.iter().map(|change| (&*change.field, Became::of(change))).collect();
        let body = Body {
            action: told.action,
            actor: Actor { id: who.actor().id(), kind: who.actor().kind(), roles: who.roles() },
            changes: Pairs::sorted(changes).ok_or_else(twice)?,
            covers: told.covers,
            details: Pairs::sorted(told.details).ok_or_else(twice)?,
            discloses: self.discloses,
            entity: told.entity,
            id: self.id.into(),
            operation: self.writer.operation.id,
            outcome: told.outcome.as_str(),
            reason: told.reason,
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
        if text.len() > LONGEST { Err(Unwritable::TooLong(declared)) } else { Ok(text) }
    }
}

impl<'a> Told<'a> {
    fn by(leaf: &Leaf<'a>) -> Self {
        let row = |entity: &Entity| Row { id: entity.id(), kind: entity.kind() };
        Self {
            action: leaf.action.as_str(),
            outcome: leaf.outcome,
            reason: leaf.reason,
            entity: row(&leaf.entity),
            covers: leaf.covers.iter().map(row).collect(),
            details: leaf.details.iter().map(|(name, value)| (*name, value.as_str())).collect(),
        }
    }

    fn by_a_product(own: &'a OwnEvent) -> Self {
        let row = |row: &'a OwnRow| Row { id: row.id, kind: &row.kind };
        Self {
            action: &own.action,
            outcome: own.outcome,
            reason: own.reason.as_ref().map(Text::as_str),
            entity: row(&own.entity),
            covers: own.covers.iter().map(row).collect(),
            details: own.details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        }
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
