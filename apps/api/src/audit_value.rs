//! What the personal fields held of which entries of the log tell.

use std::collections::BTreeSet;
use std::sync::Arc;

use poem_openapi::param::Path;
use poem_openapi::{Enum, Object, OpenApi};
use uuid::Uuid;
use ward::Reading;
use ward::audit::{DISCLOSE_VALUES, Event, Receipt, Replaced, VALUES_DISCLOSED};
use ward::crypto::{Sealed, SubjectKey};
use ward::kernel::{Commitment, Entity, EventId, Place, StoreError, SubjectId, TenantId};
use ward::subject::{History, PastField, SHOW_RECORD, SHOW_SUBJECT};

use crate::app::App;
use crate::audit_event::EntityView;
use crate::auth::Caller;
use crate::http::problem::Refused;
use crate::http::reply::Shown;
use crate::subject::EXTERNAL_REF;
use crate::tag::Tag;

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Audit")]
impl Api {
    /// Show what an entry's personal fields held
    ///
    /// Before the change that the entry tells of, and after it. A value is shown where it is still stored and is the one that the entry commits
    /// to; one that was erased is said to be. Whoever asks must also hold what shows the row itself: `subjects.read` for a subject's fields,
    /// `records.read` for a record's. The disclosure is in the audit log before a value is opened. An entry without personal values has none.
    #[oai(path = "/audit/events/:id/values", method = "get", operation_id = "discloseAuditValues")]
    async fn disclose(&self, caller: Caller, id: Path<Uuid>) -> Result<Shown<ValueList>, Refused> {
        let id = EventId::from(id.0);
        let mut reading = self.0.read_log(&caller, &DISCLOSE_VALUES).await?;
        let Some(entry) = reading.entry(id).await? else {
            return Err(self.0.absent(reading.absent(id)).await);
        };
        let altered = entry.is_altered().then_some(true);
        let history = History::of(&entry.said);
        for row in history.rows() {
            self.may_see(&caller, row).await?;
        }
        let held = Held::of(&mut *reading, &history).await?;

        let names: BTreeSet<_> = history.fields.iter().map(|past| past.field.clone()).collect();
        let whose = history.subject.map(Entity::from).filter(|subject| !history.rows().contains(subject));
        let event = Event::of(&DISCLOSE_VALUES, VALUES_DISCLOSED, id)
            .covering(history.rows().into_iter().chain(whose))
            .disclosing(names);
        let receipt = reading.disclose(event).await?;

        let opening = Opening { app: &self.0, held, tenant: caller.0.who.tenant(), receipt };
        let items = history.fields.into_iter().map(|past| opening.view(past)).collect::<Result<_, _>>()?;
        Ok(Shown(ValueList { items, altered }))
    }

    /// No way around shows what the row itself doesn't.
    async fn may_see(&self, caller: &Caller, row: Entity) -> Result<(), Refused> {
        let shows = if row.kind() == "record" { &SHOW_RECORD } else { &SHOW_SUBJECT };
        match self.0.policy.may_also(&caller.0.who, &DISCLOSE_VALUES, shows) {
            Ok(()) => Ok(()),
            Err(denied) => Err(self.0.denied(denied).await),
        }
    }
}

/// How often all is read again at most: people's keys don't follow each other faster.
const TRIES: u32 = 3;

/// What is still stored of the values that a history tells of.
#[derive(Default)]
struct Held {
    key: Option<Arc<SubjectKey>>,
    values: Vec<Value>,
}

/// A sealed value, and the commitment to it where that is stored beside it.
struct Value {
    row: Entity,
    field: String,
    commitment: Option<Commitment>,
    sealed: Vec<u8>,
}

impl Held {
    async fn of(reading: &mut dyn Reading, history: &History) -> Result<Self, StoreError> {
        let Some(subject) = history.subject else { return Ok(Self::default()) };
        let mut held = Self::at_once(reading, history, subject).await?;
        for _ in 0..TRIES {
            if held.is_of_one_moment() {
                break;
            }
            held = Self::at_once(reading, history, subject).await?;
        }
        Ok(held)
    }

    async fn at_once(
        reading: &mut dyn Reading,
        history: &History,
        subject: SubjectId,
    ) -> Result<Self, StoreError> {
        let replaced = reading.replaced(subject, &history.commitments()).await?;
        let replaced = replaced.into_iter().map(|Replaced { row, field, sealed, .. }| Value {
            row,
            field: field.into_owned(),
            commitment: Some(sealed.commitment),
            sealed: sealed.bytes,
        });
        let mut values: Vec<_> = replaced.collect();
        for row in history.rows() {
            values.extend(present(reading, row).await?);
        }
        Ok(Self { key: reading.committing_key(subject).await?, values })
    }

    /// Whether the key is the one that sealed the values: another may have followed it while they were read.
    fn is_of_one_moment(&self) -> bool {
        let sealed_by = |value: &Value| Sealed::parse(&value.sealed).ok().map(|sealed| sealed.key());
        let Some(key) = &self.key else { return true };
        self.values.iter().filter_map(sealed_by).all(|by| by == key.id())
    }
}

/// What a row holds now.
async fn present(reading: &mut dyn Reading, row: Entity) -> Result<Vec<Value>, StoreError> {
    let (fields, external_ref) = if row.kind() == "record" {
        (reading.record(row.id().into()).await?.map(|record| record.fields), None)
    } else {
        let subject = reading.subject(row.id().into()).await?;
        subject.map(|subject| (subject.fields, subject.external_ref)).unzip()
    };
    let fields = fields.into_iter().flat_map(|fields| fields.0);
    let fields = fields.map(|(field, sealed)| (field.into_owned(), Some(sealed.commitment), sealed.bytes));
    let external_ref = external_ref.flatten().map(|(sealed, _)| (EXTERNAL_REF.to_owned(), None, sealed));
    let all = fields.chain(external_ref);
    Ok(all.map(|(field, commitment, sealed)| Value { row, field, commitment, sealed }).collect())
}

struct Opening<'a> {
    app: &'a App,
    held: Held,
    tenant: TenantId,
    receipt: Receipt,
}

impl Opening<'_> {
    fn view(&self, past: PastField) -> Result<ValueChange, Refused> {
        let value = |of: Option<Commitment>| of.map(|commitment| self.value(&past, commitment)).transpose();
        let (before, after) = (value(past.before)?, value(past.after)?);
        let entity = EntityView { kind: past.row.kind().to_owned(), id: past.row.id() };
        Ok(ValueChange { field: past.name, entity, before, after })
    }

    fn value(&self, past: &PastField, commitment: Commitment) -> Result<ValueView, Refused> {
        let Some(key) = &self.held.key else { return Ok(ValueView::not(ValueStatus::Erased)) };
        let place = Place { tenant: self.tenant, row: past.row, column: &past.field };
        let here = |held: &&Value| {
            held.row == past.row
                && held.field == past.field
                && held.commitment.is_none_or(|of| of == commitment)
        };
        let mut status = ValueStatus::Erased;
        for held in self.held.values.iter().filter(here) {
            match self.app.open_committed(key, place, &held.sealed, commitment, &self.receipt)? {
                Some(value) => return Ok(ValueView { status: ValueStatus::Shown, value: Some(value) }),
                None => status = ValueStatus::Unreadable,
            }
        }
        Ok(ValueView::not(status))
    }
}

/// What an entry's personal fields held.
#[derive(Object)]
struct ValueList {
    /// One for each personal field that the entry says was changed.
    items: Vec<ValueChange>,
    /// Only where the entry is no longer what was logged, so that what it commits to says nothing.
    #[oai(skip_serializing_if_is_none)]
    altered: Option<bool>,
}

/// What a field held before a change, and after it.
#[derive(Object)]
struct ValueChange {
    /// As the entry names it.
    field: String,
    /// The row that holds it.
    entity: EntityView,
    /// Nothing, if it was not there.
    before: Option<ValueView>,
    /// Nothing, if it is gone since.
    after: Option<ValueView>,
}

/// A value that an entry commits to.
#[derive(Object)]
struct ValueView {
    /// `shown`; `erased`, if it is stored no more; `unreadable`, if what is stored isn't what the entry commits to.
    status: ValueStatus,
    /// The value, if it is shown.
    value: Option<String>,
}

/// What can be said of a value.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum ValueStatus {
    Shown,
    Erased,
    Unreadable,
}

impl ValueView {
    fn not(status: ValueStatus) -> Self {
        Self { status, value: None }
    }
}
