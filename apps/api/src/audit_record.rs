//! A product's own events, recorded in its log.

use std::collections::BTreeMap;
use std::fmt;

use poem_openapi::{Enum, Object};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use uuid::Uuid;
use ward::audit::{self, OwnEvent, OwnRow, RECORD_EVENTS};
use ward::kernel::{EventId, TenantId, Text};

use crate::app::App;
use crate::auth::Caller;
use crate::http::body::Body;
use crate::http::given::{Given, Line, Name, OwnAction};
use crate::http::one_or_many::OneOrMany;
use crate::http::problem::{Fault, Refused};
use crate::http::reply::Created;
use crate::operations;

const MOST: usize = OwnEvent::MOST;
const REASON: usize = 200;
pub(crate) const DETAIL: usize = 1_000;
/// So many rows and so many facts belong to one event, at most.
pub(crate) const EACH: usize = 50;

/// Up to so many events of a product's own.
pub(crate) type NewEvents = OneOrMany<NewEvent, MOST>;

/// Records them all, or none.
pub(crate) async fn record(
    app: &App,
    caller: &Caller,
    body: &Body<NewEvents>,
) -> Result<Created<RecordedEvents>, Refused> {
    let tenant = caller.0.who.tenant();
    let own = own(app, tenant, &body.value)?;
    let answer = Created(RecordedEvents { ids: own.iter().map(|event| event.id.into()).collect() });
    let events = audit::recorded(tenant, own).ok_or_else(|| Refused::at("", "must hold an event"))?;
    if caller.0.once.is_some() {
        return app.begin(caller, &RECORD_EVENTS, &body.digest).await?.commit(events, answer).await;
    }
    // Nothing else is changed: it needs no transaction of its own.
    app.read(caller, &RECORD_EVENTS).await?.disclose(events).await?;
    Ok(answer)
}

fn own(app: &App, tenant: TenantId, events: &NewEvents) -> Result<Vec<OwnEvent>, Refused> {
    if events.all.len() > MOST {
        return Err(Refused::at("", format!("must hold {MOST} events at most")));
    }
    let (mut own, mut faults) = (Vec::with_capacity(events.all.len()), Vec::new());
    for (place, event) in events.placed() {
        match event.parse(app.machine.next().into(), tenant) {
            Ok(event) if event.is_taken(operations::TABLE) => {
                faults.push(Fault::new(format!("{place}/action"), "begins as actions of Ward's own do"));
            }
            Ok(event) if !event.fits() => faults.push(Fault::new(place, "says more than an entry holds")),
            Ok(event) => own.push(event),
            Err((pointer, fault)) => faults.push(Fault::new(format!("{place}{pointer}"), fault)),
        }
    }
    faults.truncate(20);
    if faults.is_empty() { Ok(own) } else { Err(Refused::invalid(faults)) }
}

/// An event of your own.
#[derive(serde::Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEvent {
    /// What happened, such as `invoice.approved`.
    action: Given<OwnAction>,
    /// How it ended: `success`, if nothing is said.
    outcome: Option<OwnOutcome>,
    /// Why it ended so.
    reason: Option<Given<Line<REASON>>>,
    /// To what it happened: to the tenant, if nothing is said.
    entity: Option<NewRow>,
    /// To what else, or on whose behalf.
    #[oai(validator(max_items = 50))]
    covers: Option<Vec<NewRow>>,
    /// Facts about it.
    #[serde(default, deserialize_with = "facts")]
    details: Option<Facts>,
}

/// Each name once: of two values the log would hold one.
type Facts = BTreeMap<String, Given<Line<DETAIL>>>;

fn facts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Facts>, D::Error> {
    struct Each;
    impl<'de> Visitor<'de> for Each {
        type Value = Facts;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Facts, A::Error> {
            let mut facts = Facts::new();
            while let Some((name, value)) = members.next_entry()? {
                if facts.insert(name, value).is_some() {
                    return Err(A::Error::custom("duplicate key"));
                }
            }
            Ok(facts)
        }
    }
    struct One(Facts);
    impl<'de> Deserialize<'de> for One {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Each).map(Self)
        }
    }
    Ok(Option::<One>::deserialize(deserializer)?.map(|One(facts)| facts))
}

/// How it ended.
#[derive(Clone, Copy, serde::Deserialize, Enum)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum OwnOutcome {
    Success,
    Denied,
    Failure,
}

/// A row of yours.
#[derive(serde::Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
struct NewRow {
    /// Its kind, such as `invoice`.
    kind: Given<Name>,
    /// Which.
    id: Uuid,
}

/// What was recorded.
#[derive(Object)]
pub(crate) struct RecordedEvents {
    /// The entries, in the order of the events.
    ids: Vec<Uuid>,
}

impl NewEvent {
    /// What it says, or what is wrong and where.
    fn parse(&self, id: EventId, tenant: TenantId) -> Result<OwnEvent, (String, String)> {
        let text = |pointer: String, text: &str, most| {
            Text::parse_shown(text, most).map_err(|fault| (pointer, fault.to_string()))
        };
        let too_many = |pointer: &str| Err((pointer.to_owned(), format!("must hold {EACH} at most")));
        if self.covers.as_ref().is_some_and(|covers| covers.len() > EACH) {
            return too_many("/covers");
        }
        if self.details.as_ref().is_some_and(|details| details.len() > EACH) {
            return too_many("/details");
        }
        let mut details = Vec::new();
        for (name, value) in self.details.iter().flatten() {
            if Name::is(name) {
                details.push((name.clone(), text(format!("/details/{name}"), &value.0, DETAIL)?));
            } else {
                return Err(("/details".into(), "a name is not of small letters and underscores".into()));
            }
        }
        let reason =
            self.reason.as_ref().map(|reason| text("/reason".into(), &reason.0, REASON)).transpose()?;
        let entity = self.entity.as_ref().map(NewRow::own);
        Ok(OwnEvent {
            id,
            action: self.action.0.clone(),
            outcome: self.outcome.map_or(audit::Outcome::Success, Into::into),
            reason,
            entity: entity.unwrap_or_else(|| OwnRow { kind: "tenant".into(), id: tenant.into() }),
            covers: self.covers.iter().flatten().map(NewRow::own).collect(),
            details,
        })
    }
}

impl NewRow {
    fn own(&self) -> OwnRow {
        OwnRow { kind: self.kind.0.clone(), id: self.id }
    }
}

impl From<OwnOutcome> for audit::Outcome {
    fn from(outcome: OwnOutcome) -> Self {
        match outcome {
            OwnOutcome::Success => Self::Success,
            OwnOutcome::Denied => Self::Denied,
            OwnOutcome::Failure => Self::Failure,
        }
    }
}
