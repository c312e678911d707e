use std::borrow::Cow;
use std::iter;

use ward_kernel::{Action, Entity, Operation};

use crate::{Change, OwnEvent};

/// What a use case says happened.
#[derive(Clone, Debug)]
#[must_use = "a change without its event can't be committed"]
pub struct Event {
    pub(crate) operation: &'static Operation,
    pub(crate) action: Action,
    pub(crate) entity: Entity,
    pub(crate) changes: Vec<Change>,
    pub(crate) covers: Vec<Entity>,
    pub(crate) discloses: Vec<Cow<'static, str>>,
    pub(crate) details: Vec<(&'static str, String)>,
    /// What it says instead, if it is a product's own.
    pub(crate) own: Option<Box<OwnEvent>>,
}

impl Event {
    /// Says that `operation` did `action` to `entity`.
    pub fn of(operation: &'static Operation, action: Action, entity: impl Into<Entity>) -> Self {
        let entity = entity.into();
        let (changes, covers, discloses, details) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { operation, action, entity, changes, covers, discloses, details, own: None }
    }

    /// Adds what became of a field.
    pub fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// Adds what became of several.
    pub fn with_all(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        self.changes.extend(changes);
        self
    }

    /// Says that these fields are about to be read in clear, of the event's entity and of those it covers.
    pub fn disclosing<F: Into<Cow<'static, str>>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.discloses.extend(fields.into_iter().map(Into::into));
        self
    }

    /// Names further entities: a batch is one event that says what it covers.
    pub fn covering(mut self, entities: impl IntoIterator<Item = Entity>) -> Self {
        self.covers.extend(entities);
        self
    }

    /// Adds a fact about the act itself, such as a count or a digest; never personal.
    pub fn noting(mut self, name: &'static str, value: impl ToString) -> Self {
        self.details.push((name, value.to_string()));
        self
    }

    /// What happened.
    pub fn action(&self) -> Action {
        self.action
    }

    /// To what.
    pub fn entity(&self) -> Entity {
        self.entity
    }

    pub(crate) fn scope(&self) -> impl Iterator<Item = Entity> {
        iter::once(self.entity).chain(self.covers.iter().copied())
    }
}

/// One event or more, never none.
///
/// ```compile_fail
/// let none = ward_audit::Events::default();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Events {
    first: Event,
    rest: Vec<Event>,
}

impl Events {
    /// All of `events`, if there is one at all.
    pub fn all(events: impl IntoIterator<Item = Event>) -> Option<Self> {
        let mut events = events.into_iter();
        Some(Self { first: events.next()?, rest: events.collect() })
    }

    /// Adds another event of the same unit.
    pub fn and(mut self, event: Event) -> Self {
        self.rest.push(event);
        self
    }

    /// The events, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        iter::once(&self.first).chain(&self.rest)
    }
}

impl From<Event> for Events {
    fn from(first: Event) -> Self {
        Self { first, rest: Vec::new() }
    }
}
