use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use ward_kernel::{Entity, EventId, Operation, Place, TenantId, UnitId};

/// Events that lie in an open unit: not yet a proof of anything.
#[derive(Debug)]
#[must_use = "the unit still has to close"]
pub struct Recorded {
    pub(crate) unit: UnitId,
    pub(crate) tenant: TenantId,
    pub(crate) operation: &'static Operation,
    pub(crate) events: Vec<EventId>,
    pub(crate) disclosed: Vec<Disclosed>,
    pub(crate) at: DateTime<Utc>,
}

/// What one event says is read in clear.
#[derive(Debug)]
pub(crate) struct Disclosed {
    pub(crate) rows: Vec<Entity>,
    pub(crate) fields: Vec<Cow<'static, str>>,
}

impl Recorded {
    /// The unit they lie in.
    pub fn unit(&self) -> UnitId {
        self.unit
    }

    /// The events, in order.
    pub fn events(&self) -> &[EventId] {
        &self.events
    }
}

/// Proof that a unit's events are committed. It opens what they say they disclose, for a minute.
///
/// ```compile_fail
/// # fn f(recorded: ward_audit::Recorded) {
/// let forged = ward_audit::Receipt(recorded);
/// # }
/// ```
#[derive(Debug)]
pub struct Receipt(pub(crate) Recorded);

impl Receipt {
    /// How long a receipt opens anything.
    pub const LIFETIME: TimeDelta = TimeDelta::seconds(60);

    /// The unit that committed.
    pub fn unit(&self) -> UnitId {
        self.0.unit
    }

    /// The events that committed, in order.
    pub fn events(&self) -> &[EventId] {
        &self.0.events
    }

    /// When they were appended, by the database's clock.
    pub fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// When it stops opening anything.
    pub fn expires(&self) -> DateTime<Utc> {
        self.0.at + Self::LIFETIME
    }

    /// Whether a committed event says that the value at `place` is disclosed at `now`.
    ///
    /// `now` is another clock's: where the two are a minute apart or more, either way, the receipt covers nothing.
    pub fn covers(&self, place: Place<'_>, now: DateTime<Utc>) -> bool {
        let named = |disclosed: &Disclosed| {
            disclosed.rows.contains(&place.row) && disclosed.fields.iter().any(|field| field == place.column)
        };
        self.0.tenant == place.tenant
            && self.0.operation.discloses
            && (now - self.at()).abs() < Self::LIFETIME
            && self.0.disclosed.iter().any(named)
    }
}
