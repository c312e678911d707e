//! `/audit/events`, and the log as CSV.

use std::sync::Arc;

use poem_openapi::param::{Path, Query};
use poem_openapi::{Enum, Object, OpenApi};
use serde_json::Value;
use uuid::Uuid;
use ward::audit::entry::Row;
use ward::audit::{ENTRY_READ, Entry, Event, Found, LIST_EVENTS, SEARCHED, SHOW_EVENT, Search};
use ward::crypto::TenantKeys;
use ward::kernel::{EventId, TenantId};

use crate::app::App;
use crate::audit_record::{self, NewEvents, RecordedEvents};
use crate::auth::Caller;
use crate::http::body::Body;
use crate::http::given::{ActionName, Address, Form as _, Given, Instant, Limit, Place, Words};
use crate::http::page::Page;
use crate::http::problem::Refused;
use crate::http::reply::{Created, Listed, Shown};
use crate::http::time::Time;
use crate::tag::Tag;

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Audit")]
impl Api {
    /// Search the audit log
    ///
    /// Newest first: the last in the log's tree. Personal values appear as commitments only, which show later what was meant and
    /// nothing before. The search itself is logged. It looks at 10,000 entries at a time: a page may hold fewer than asked for,
    /// or none, and lead on to older ones all the same.
    #[oai(path = "/audit/events", method = "get", operation_id = "listAuditEvents")]
    #[expect(clippy::too_many_arguments, reason = "one for each filter")]
    async fn list(
        &self,
        caller: Caller,
        request: &poem::Request,
        /// Not before this time.
        from: Query<Option<Given<Instant>>>,
        /// Before this time.
        to: Query<Option<Given<Instant>>>,
        /// By this user or key.
        actor: Query<Option<Uuid>>,
        /// Exactly this action.
        action: Query<Option<Given<ActionName>>>,
        /// About this entity.
        entity: Query<Option<Uuid>>,
        /// How it ended.
        outcome: Query<Option<Outcome>>,
        /// From this address.
        ip: Query<Option<Given<Address>>>,
        /// With all of these words in its action, operation, outcome, reason, request id, or the kind or id of its actor or
        /// entity.
        q: Query<Option<Given<Words>>>,
        /// How many, 1 to 200.
        limit: Query<Option<Given<Limit>>>,
        /// The `next_cursor` of an earlier page.
        cursor: Query<Option<Given<Place>>>,
    ) -> Result<Listed<EventList>, Refused> {
        let page = Page::new(limit.0, cursor.0);
        let outcome = outcome.0.map(|outcome| outcome.as_str().to_owned());
        let (from, to) = (from.0.map(|at| at.0), to.0.map(|at| at.0));
        let (actor, action, entity) = (actor.0, action.0.map(|name| name.0), entity.0);
        let words = q.0.map(|words| words.0).unwrap_or_default();

        let mut reading = self.0.read_log(&caller, &LIST_EVENTS).await?;
        let (tenant, keys) = (reading.writer().tenant(), reading.keys());
        let address = ip.0.map(|ip| keys.address_word(ip.0));
        let search = Search { from, to, actor, action, entity, outcome, words, address };
        let Found { entries, reached, damaged } = reading.entries(&search, page.after, page.limit).await?;
        let next_cursor = reached.as_ref().map(Place::write);

        reading.disclose(Event::of(&LIST_EVENTS, SEARCHED, tenant).noting("found", entries.len())).await?;

        let next = next_cursor.as_deref().map(|cursor| page.next(request, cursor));
        let items = entries.into_iter().map(|entry| EventView::of(entry, tenant, &keys)).collect();
        let damaged = Some(damaged).filter(|damaged| *damaged > 0);
        Ok(Listed { page: EventList { items, damaged, next_cursor }, next })
    }

    /// Record events of your own
    ///
    /// One, or an array of up to 1,000 in 1 MiB of JSON: all are recorded, or none. They stand in the same log as Ward's own, under the action
    /// that you name and the operation `recordAuditEvents`, and are searched, proven and exported like them. An action can't begin with a word
    /// that Ward's own actions begin with, or are going to. The log is for good: put nothing personal into it.
    #[oai(path = "/audit/events", method = "post", operation_id = "recordAuditEvents")]
    async fn record(
        &self,
        caller: Caller,
        body: Body<NewEvents>,
    ) -> Result<Created<RecordedEvents>, Refused> {
        audit_record::record(&self.0, &caller, &body).await
    }

    /// Show an entry of the audit log
    #[oai(path = "/audit/events/:id", method = "get", operation_id = "showAuditEvent")]
    async fn show(&self, caller: Caller, id: Path<Uuid>) -> Result<Shown<EventView>, Refused> {
        let id = EventId::from(id.0);
        let mut reading = self.0.read_log(&caller, &SHOW_EVENT).await?;
        let Some(entry) = reading.entry(id).await? else {
            return Err(self.0.absent(reading.absent(id)).await);
        };

        let (tenant, keys) = (reading.writer().tenant(), reading.keys());
        reading.disclose(Event::of(&SHOW_EVENT, ENTRY_READ, id)).await?;

        Ok(Shown(EventView::of(entry, tenant, &keys)))
    }
}

/// How something ended.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum Outcome {
    Success,
    Denied,
    Failure,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Denied => "denied",
            Self::Failure => "failure",
        }
    }
}

/// A page of the log.
#[derive(Object)]
struct EventList {
    /// Newest first.
    items: Vec<EventView>,
    /// How many of the entries that were looked at are gone, or aren't what stood in their places when the log was signed. There only
    /// where some are.
    #[oai(skip_serializing_if_is_none)]
    damaged: Option<u64>,
    /// Leads to the next page.
    next_cursor: Option<String>,
}

/// An entry of the log.
#[derive(Object)]
pub(crate) struct EventView {
    /// Names it.
    pub(crate) id: Uuid,
    /// Its place in the log, counted from 0.
    pub(crate) index: u64,
    /// `true`: what is shown here isn't what stood in its place when the log was signed. There only where it is so.
    #[oai(skip_serializing_if_is_none)]
    pub(crate) altered: Option<bool>,
    /// When, by the database's clock.
    pub(crate) time: Time,
    /// Who acted.
    pub(crate) actor: ActorView,
    /// What happened.
    pub(crate) action: String,
    /// How it ended: `success`, `denied` or `failure`.
    pub(crate) outcome: String,
    /// Why it was refused.
    pub(crate) reason: Option<String>,
    /// The operation it belongs to.
    pub(crate) operation: String,
    /// To what it happened.
    pub(crate) entity: EntityView,
    /// Further entities that it covers.
    pub(crate) covers: Vec<EntityView>,
    /// What became of fields, before and after. A personal value is a commitment.
    pub(crate) changes: Value,
    /// Which fields were read in clear.
    pub(crate) discloses: Vec<String>,
    /// Facts about the act.
    pub(crate) details: Value,
    /// Where the request came from.
    pub(crate) source: SourceView,
}

/// Who acted.
#[derive(Object)]
pub(crate) struct ActorView {
    /// `user`, `api_key`, `system:<job>` or `anonymous`.
    pub(crate) kind: String,
    /// Which user or key.
    pub(crate) id: Option<Uuid>,
    /// The roles held at the time.
    pub(crate) roles: Vec<String>,
}

/// A row, by kind and id.
#[derive(Object)]
pub(crate) struct EntityView {
    /// Its kind.
    pub(crate) kind: String,
    /// Which.
    pub(crate) id: Uuid,
}

/// Where a request came from.
#[derive(Object)]
pub(crate) struct SourceView {
    /// The client's address; `unreadable`, if what is stored was tampered with.
    pub(crate) ip: Option<String>,
    /// The client's `User-Agent`; the same holds. One that isn't ASCII is written behind `escaped: `, with `\xNN` for each byte that isn't.
    pub(crate) user_agent: Option<String>,
    /// The request's id.
    pub(crate) request_id: String,
    /// The trace's id.
    pub(crate) trace_id: Option<String>,
}

impl EventView {
    /// Opens where the request came from; what isn't what was sealed there is said to be `unreadable`.
    pub(crate) fn of(entry: Entry, tenant: TenantId, keys: &TenantKeys) -> Self {
        let place = entry.source_place(tenant);
        let open = |sealed: &Vec<u8>| -> Option<Value> {
            let text = keys.audit().open(place, sealed).ok()?;
            serde_json::from_slice(text.as_bytes()).ok()
        };
        let source = entry.source.as_ref().map(open);
        let word = |name: &str| match &source {
            Some(None) => Some("unreadable".to_owned()),
            Some(Some(source)) => source.get(name)?.as_str().map(str::to_owned),
            None => None,
        };
        let altered = entry.is_altered().then_some(true);
        let Entry { index, at, said, .. } = entry;
        Self {
            id: said.id,
            index,
            altered,
            time: at.into(),
            actor: ActorView { kind: said.actor.kind, id: said.actor.id, roles: said.actor.roles },
            action: said.action,
            outcome: said.outcome,
            reason: said.reason,
            operation: said.operation,
            entity: said.entity.into(),
            covers: said.covers.into_iter().map(EntityView::from).collect(),
            changes: said.changes.into(),
            discloses: said.discloses,
            details: said.details.into(),
            source: SourceView {
                ip: word("ip"),
                user_agent: word("user_agent"),
                request_id: said.source.request,
                trace_id: said.source.trace,
            },
        }
    }
}

impl From<Row> for EntityView {
    fn from(Row { kind, id }: Row) -> Self {
        Self { kind, id }
    }
}
