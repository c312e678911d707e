use poem_openapi::{Enum, Object};
use serde::Deserialize;
use uuid::Uuid;
use ward::crypto::KeyPurpose;
use ward::{ROTATED, Rotation, RotationState};

use crate::http::problem::Refused;
use crate::http::time::Time;

/// Which keys to rotate.
#[derive(Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichKeys {
    /// Of which kinds; all of them, if absent.
    #[oai(validator(min_items = 1, max_items = 9))]
    keys: Option<Vec<Kind>>,
}

impl WhichKeys {
    /// The purposes named, each once; nothing, if none is to be chosen.
    pub(super) fn purposes(&self) -> Result<Option<Vec<KeyPurpose>>, Refused> {
        let Some(keys) = &self.keys else { return Ok(None) };
        let mut purposes: Vec<_> = keys.iter().map(|kind| KeyPurpose::from(*kind)).collect();
        let named = purposes.len();
        purposes.sort_unstable();
        purposes.dedup();
        if !(1..=KINDS.len()).contains(&named) {
            return Err(Refused::at("/keys", format!("must be 1 to {} kinds", KINDS.len())));
        }
        Ok(Some(purposes))
    }
}

/// What keys are for.
#[derive(Clone, Copy, Deserialize, Enum)]
#[oai(rename = "KeyKind", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// The tenant's own, which wraps all the others.
    Tenant,
    /// Those of people: they seal what is held of each.
    Subject,
    /// Blind indexes, by which people are found.
    Index,
    /// Where requests came from.
    Audit,
    /// Answers kept for requests that are sent again.
    Idempotency,
    /// Work for later.
    Queue,
    /// Digests of API keys.
    ApiKey,
    /// Digests of imported rows.
    Import,
    /// Links that let whoever has one do one thing.
    Token,
}

const KINDS: [Kind; ROTATED.len()] = [
    Kind::Tenant,
    Kind::Subject,
    Kind::Index,
    Kind::Audit,
    Kind::Idempotency,
    Kind::Queue,
    Kind::ApiKey,
    Kind::Import,
    Kind::Token,
];

impl From<Kind> for KeyPurpose {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Tenant => Self::Tenant,
            Kind::Subject => Self::Subject,
            Kind::Index => Self::Index,
            Kind::Audit => Self::Audit,
            Kind::Idempotency => Self::Idempotency,
            Kind::Queue => Self::Queue,
            Kind::ApiKey => Self::ApiKey,
            Kind::Import => Self::Import,
            Kind::Token => Self::Token,
        }
    }
}

/// Rotations that are under way.
#[derive(Object)]
pub(super) struct RotationsUnderWay {
    /// One for each kind of key.
    pub(super) items: Vec<RotationView>,
}

/// A page of rotations.
#[derive(Object)]
pub(super) struct RotationList {
    /// Newest first.
    pub(super) items: Vec<RotationView>,
    /// Leads to the next page.
    pub(super) next_cursor: Option<String>,
}

/// The rotation of one kind of key.
#[derive(Object)]
#[oai(rename = "KeyRotation")]
pub(super) struct RotationView {
    /// Names it.
    id: Uuid,
    /// Of which kind of key.
    key: Option<Kind>,
    /// Where it stands.
    state: State,
    /// Keys made before then are followed.
    begun_at: Time,
    /// When everything was under the new key.
    ended_at: Option<Time>,
    /// How many rows there are to move; unknown until the first is moved.
    total: Option<u64>,
    /// How many were moved so far.
    done: u64,
}

/// Where a rotation stands.
#[derive(Clone, Copy, Enum)]
#[oai(rename = "KeyRotationState", rename_all = "snake_case")]
enum State {
    /// It is at work, or waits until the new key is known everywhere.
    Running,
    /// It rests until it is resumed, or its key sealed as many messages as one should.
    Paused,
    /// Nothing is left to move.
    Ended,
}

impl From<Rotation> for RotationView {
    fn from(rotation: Rotation) -> Self {
        let key = KINDS.into_iter().find(|kind| KeyPurpose::from(*kind) == rotation.purpose);
        Self {
            id: rotation.id.into(),
            key,
            state: match rotation.state {
                RotationState::Running => State::Running,
                RotationState::Paused => State::Paused,
                RotationState::Ended => State::Ended,
            },
            begun_at: rotation.begun_at.into(),
            ended_at: rotation.ended_at.map(Into::into),
            total: rotation.total,
            done: rotation.done,
        }
    }
}
