//! Entries of the log: their text, and what they say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use ward_kernel::{Commitment, EventId, Place, TenantId, Uuid};

use crate::trail::source_place;
use crate::tree::Hash;

/// How far before an earlier entry one may be dated: what commits later has a later place, though it may have been written
/// before. Further is back-dating.
pub const SKEW: TimeDelta = TimeDelta::minutes(10);

/// The text of an entry, of which its leaf is the hash: the time that storage gave it, and what was said.
pub fn text(at: DateTime<Utc>, body: &str) -> String {
    format!(r#"{{"at":"{}","event":{body}}}"#, at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// An entry as it is stored: nothing personal in clear.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the log.
    pub index: u64,
    /// What its place says its hash is.
    pub hash: Hash,
    /// When, by the database's clock.
    pub at: DateTime<Utc>,
    /// What it says.
    pub said: Said,
    /// The same as it is written; with the time, the exact [`text`](Self::text).
    pub body: String,
    /// Address and agent, sealed.
    pub source: Option<Vec<u8>>,
}

/// What an entry says. One that was tampered with may say anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Said {
    /// Names the entry.
    pub id: Uuid,
    /// The unit it committed with.
    pub unit: Uuid,
    /// Who acted.
    pub actor: Actor,
    /// The operation.
    pub operation: String,
    /// What happened.
    pub action: String,
    /// `success` or `denied`.
    pub outcome: String,
    /// Why it was refused.
    pub reason: Option<String>,
    /// The row it happened to.
    pub entity: Row,
    /// Which else.
    pub covers: Vec<Row>,
    /// What became of fields; personal ones as commitments.
    pub changes: Map<String, Json>,
    /// Which fields were read in clear.
    pub discloses: Vec<String>,
    /// Facts about the act.
    pub details: Map<String, Json>,
    /// Where the request came from.
    pub source: Source,
}

/// What became of a personal field, as an entry has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Committed<'a> {
    /// As the entry names it.
    pub field: &'a str,
    /// To what it held; nothing, if it was not there.
    pub before: Option<Commitment>,
    /// To what it holds since; nothing, if it is gone.
    pub after: Option<Commitment>,
}

/// Who acted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Actor {
    /// `user`, `api_key`, `system:<job>` or `anonymous`.
    pub kind: String,
    /// Which user or key.
    pub id: Option<Uuid>,
    /// The roles held at the time.
    pub roles: Vec<String>,
}

/// A row, by kind and id.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
pub struct Row {
    /// Its kind.
    pub kind: String,
    /// Which.
    pub id: Uuid,
}

/// Where a request came from; its address and agent are in [`Entry::source`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Source {
    /// The request's id.
    pub request: String,
    /// The trace's id.
    pub trace: Option<String>,
}

impl Said {
    /// What became of personal fields.
    pub fn committed(&self) -> impl Iterator<Item = Committed<'_>> {
        let all = self.changes.iter().map(|(field, became)| Committed {
            field,
            before: commitment(became, "/before/commitment"),
            after: commitment(became, "/after/commitment"),
        });
        all.filter(|committed| committed.before.or(committed.after).is_some())
    }
}

fn commitment(became: &Json, pointer: &str) -> Option<Commitment> {
    let bytes = STANDARD.decode(became.pointer(pointer)?.as_str()?).ok()?;
    bytes.try_into().ok().map(Commitment)
}

impl Entry {
    /// Reads a stored entry. A body that can't be read was not written here: what can't be shown of it is said to be
    /// `unreadable`.
    pub fn read((index, hash): (u64, Hash), at: DateTime<Utc>, body: &str, source: Option<Vec<u8>>) -> Self {
        let unreadable = || Said { action: "unreadable".into(), ..Said::default() };
        let said = serde_json::from_str(body).unwrap_or_else(|_| unreadable());
        Self { index, hash, at, said, body: body.to_owned(), source }
    }

    /// Its exact text.
    pub fn text(&self) -> String {
        text(self.at, &self.body)
    }

    /// Whether it is no longer what was given its place.
    pub fn is_altered(&self) -> bool {
        Hash::leaf(self.text().as_bytes()) != self.hash
    }

    /// Names it.
    pub fn id(&self) -> EventId {
        self.said.id.into()
    }

    /// Whether its time is about that at which its id was made, and not before what was logged up to `latest`.
    pub(crate) fn is_dated(&self, latest: DateTime<Utc>) -> bool {
        let made = i64::try_from(self.said.id.as_u128() >> 80).ok().and_then(DateTime::from_timestamp_millis);
        made.is_some_and(|made| (made - self.at).abs() <= SKEW) && latest - self.at <= SKEW
    }

    /// Where its [`source`](Self::source) is sealed.
    pub fn source_place(&self, tenant: TenantId) -> Place<'static> {
        source_place(tenant, self.said.unit)
    }
}
