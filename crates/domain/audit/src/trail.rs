use std::borrow::Cow;
use std::ptr;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ward_kernel::{
    Action, Entity, EventId, Ids, Operation, Place, Principal, StoreError, TenantId, UnitId, Uuid,
};

use crate::receipt::Disclosed;
use crate::{Change, Event, Events, OwnEvent, Recorded};

const ACCESS_DENIED: Action = Action::new("access.denied");

/// Port: a tenant's audit log.
#[async_trait]
pub trait Trail: Send {
    /// Adds leaves without a place in the tree, all or none, and answers the latest time the storage gave them.
    async fn append(&mut self, leaves: &[Leaf<'_>]) -> Result<DateTime<Utc>, StoreError>;
}

/// Who writes, in which unit, by leave of which permit.
#[derive(Clone, Debug)]
pub struct Writer {
    /// The unit.
    pub unit: UnitId,
    /// Who acts, in which tenant, from where.
    pub who: Arc<Principal>,
    /// What the permit names.
    pub operation: &'static Operation,
}

impl Writer {
    /// Whose log.
    pub fn tenant(&self) -> TenantId {
        self.who.tenant()
    }

    /// Where it is sealed from where the unit's requests came.
    pub fn source_place(&self) -> Place<'static> {
        source_place(self.tenant(), self.unit.into())
    }
}

/// Sealed once for a unit, so bound to it and not to an entry.
pub(crate) fn source_place(tenant: TenantId, unit: Uuid) -> Place<'static> {
    Place { tenant, row: Entity::new("unit", unit), column: "source" }
}

/// An entry before it has a place and a time; only [`record`] and [`refuse`] make one.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Leaf<'a> {
    /// Names the entry.
    pub id: EventId,
    /// Who wrote it.
    pub writer: &'a Writer,
    /// What happened.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where it was refused.
    pub reason: Option<&'static str>,
    /// To what.
    pub entity: Entity,
    /// To what else.
    pub covers: &'a [Entity],
    /// What became of its fields.
    pub changes: &'a [Change],
    /// Which fields are read in clear.
    pub discloses: &'a [Cow<'static, str>],
    /// Facts about the act.
    pub details: &'a [(&'static str, String)],
    /// What it says instead of all that, if it is a product's own.
    pub own: Option<&'a OwnEvent>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused.
    Denied,
    /// It was tried, and failed.
    Failure,
}

impl Outcome {
    /// The word the log uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Denied => "denied",
            Self::Failure => "failure",
        }
    }
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The permit was for something else.
    #[error("`{}` doesn't explain a commit of `{operation}`", action.as_str())]
    Foreign {
        /// The event.
        action: Action,
        /// What was permitted.
        operation: &'static str,
    },
    /// The log, or the commit, failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Appends `events`, all of which must be of the writer's operation.
pub async fn record(
    trail: &mut (impl Trail + ?Sized),
    ids: &dyn Ids,
    writer: &Writer,
    events: &Events,
) -> Result<Recorded, RecordError> {
    let operation = writer.operation;
    let own = |event: &&Event| {
        ptr::eq::<Operation>(event.operation, operation) && operation.events.contains(&event.action)
    };
    if let Some(event) = events.iter().find(|event| !own(event)) {
        return Err(RecordError::Foreign { action: event.action, operation: operation.id });
    }
    let id = |event: &Event| event.own.as_ref().map_or_else(|| ids.next().into(), |own| own.id);
    let leaves: Vec<_> = events.iter().map(|event| leaf(id(event), writer, event)).collect();
    let at = trail.append(&leaves).await?;
    let disclosed = events
        .iter()
        .filter(|event| !event.discloses.is_empty())
        .map(|event| Disclosed { rows: event.scope().collect(), fields: event.discloses.clone() });
    let (unit, tenant, disclosed) = (writer.unit, writer.tenant(), disclosed.collect());
    Ok(Recorded {
        unit,
        tenant,
        operation,
        events: leaves.iter().map(|leaf| leaf.id).collect(),
        disclosed,
        at,
    })
}

/// Appends that the writer was refused; what it returns covers nothing.
pub async fn refuse(
    trail: &mut (impl Trail + ?Sized),
    ids: &dyn Ids,
    writer: &Writer,
    entity: Entity,
    reason: &'static str,
) -> Result<Recorded, StoreError> {
    let event = Event::of(writer.operation, ACCESS_DENIED, entity);
    let denied =
        Leaf { outcome: Outcome::Denied, reason: Some(reason), ..leaf(ids.next().into(), writer, &event) };
    let at = trail.append(&[denied]).await?;
    let (unit, tenant, operation) = (writer.unit, writer.tenant(), writer.operation);
    Ok(Recorded { unit, tenant, operation, events: vec![denied.id], disclosed: Vec::new(), at })
}

fn leaf<'a>(id: EventId, writer: &'a Writer, event: &'a Event) -> Leaf<'a> {
    Leaf {
        id,
        writer,
        action: event.action,
        outcome: Outcome::Success,
        reason: None,
        entity: event.entity,
        covers: &event.covers,
        changes: &event.changes,
        discloses: &event.discloses,
        details: &event.details,
        own: event.own.as_deref(),
    }
}
