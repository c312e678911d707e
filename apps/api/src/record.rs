//! `/subjects/{id}/records` and `/records`

use std::sync::Arc;

use chrono::NaiveDate;
use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;
use uuid::Uuid;
use ward::audit::{Event, Receipt};
use ward::crypto::SubjectKey;
use ward::kernel::{Entity, Place, RecordId, SubjectId};
use ward::subject::record::{self, Draft, Patch};
use ward::subject::{
    CHANGE_RECORD, CREATE_RECORD, Catalogue, DELETE_RECORD, Fields, LIST_RECORDS, RECORD_DISCLOSED,
    RECORD_LISTED, SHOW_RECORD, StoredRecord, SubjectError,
};

use crate::app::App;
use crate::auth::Caller;
use crate::fields::{FieldMap, faults, to_change};
use crate::http::body::Body;
use crate::http::given::{Cursor, Day, Given, Limit};
use crate::http::page::Page;
use crate::http::problem::Refused;
use crate::http::reply::{Created, Done, Listed, Shown};
use crate::http::time::Time;
use crate::tag::Tag;

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Records")]
impl Api {
    /// Add a record about a subject
    ///
    /// Every field is sealed under the subject's key before it is stored.
    #[oai(path = "/subjects/:id/records", method = "post", operation_id = "createRecord")]
    async fn create(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        body: Body<NewRecord>,
    ) -> Result<Created<RecordFacts>, Refused> {
        let subject = SubjectId::from(id.0);
        let mut act = self.0.begin(&caller, &CREATE_RECORD, &body.digest_with(id.0)).await?;

        let draft = draft(&self.0.catalogue, body.value)?;
        let new = (RecordId::from(self.0.machine.next()), subject, self.0.clock().now());
        match record::create(&mut *act, &CREATE_RECORD, caller.0.who.tenant(), new, &draft).await {
            Ok((record, event)) => act.commit(event, Created(record.into())).await,
            Err(SubjectError::Absent) => Err(self.0.absent(act.absent(subject)).await),
            Err(error) => Err(error.into()),
        }
    }

    /// List a subject's records
    ///
    /// What is shown is in the audit log before it leaves.
    #[oai(path = "/subjects/:id/records", method = "get", operation_id = "listRecords")]
    async fn list(
        &self,
        caller: Caller,
        request: &Request,
        id: Path<Uuid>,
        /// How many, 1 to 200.
        limit: Query<Option<Given<Limit>>>,
        /// The `next_cursor` of an earlier page.
        cursor: Query<Option<Given<Cursor>>>,
    ) -> Result<Listed<RecordList>, Refused> {
        let (subject, page) = (SubjectId::from(id.0), Page::new(limit.0, cursor.0));
        let mut reading = self.0.read(&caller, &LIST_RECORDS).await?;
        if reading.subject(subject).await?.is_none() {
            return Err(self.0.absent(reading.absent(subject)).await);
        }
        let mut found = reading.records_of(subject, page.after.map(Into::into), page.fetch()).await?;
        let next_cursor = page.cut(&mut found, |record| record.id.into());

        let key = reading.subject_keys(&[subject]).await?.pop().flatten();
        let event = Event::of(&LIST_RECORDS, RECORD_LISTED, subject)
            .covering(found.iter().map(|record| Entity::from(record.id)))
            .disclosing(names(&found));
        let receipt = reading.disclose(event).await?;

        let items = found.into_iter().map(|record| self.view(&caller, record, key.as_deref(), &receipt));
        let items = items.collect::<Result<_, _>>()?;
        let next = next_cursor.as_deref().map(|cursor| page.next(request, cursor));
        Ok(Listed { page: RecordList { items, next_cursor }, next })
    }

    /// Show a record
    ///
    /// The disclosure is in the audit log before a field is opened.
    #[oai(path = "/records/:id", method = "get", operation_id = "showRecord")]
    async fn show(&self, caller: Caller, id: Path<Uuid>) -> Result<Shown<RecordView>, Refused> {
        let id = RecordId::from(id.0);
        let mut reading = self.0.read(&caller, &SHOW_RECORD).await?;
        let Some(found) = reading.record(id).await? else {
            return Err(self.0.absent(reading.absent(id)).await);
        };
        let key = reading.subject_keys(&[found.subject]).await?.pop().flatten();

        let event = Event::of(&SHOW_RECORD, RECORD_DISCLOSED, id)
            .covering([found.subject.into()])
            .disclosing(names(std::slice::from_ref(&found)));
        let receipt = reading.disclose(event).await?;

        Ok(Shown(self.view(&caller, found, key.as_deref(), &receipt)?))
    }

    /// Change a record
    ///
    /// What is not named stays; a field that is `null` is removed ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)).
    /// A field that is named is sealed anew, and logged as changed, though its value be the same: no value is opened to
    /// find that out.
    #[oai(path = "/records/:id", method = "patch", operation_id = "changeRecord")]
    async fn change(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        body: Body<RecordChange>,
    ) -> Result<Shown<RecordFacts>, Refused> {
        let id = RecordId::from(id.0);
        let mut act = self.0.begin(&caller, &CHANGE_RECORD, &body.digest).await?;

        let RecordChange { occurred_on, fields } = body.value;
        let given = to_change(fields, occurred_on.is_some())?;
        let occurred_on = occurred_on.map(|day| day.map(|day| day.0));
        let patch = |found: &StoredRecord| patch(&self.0.catalogue, found, occurred_on, &given);
        let new = (id, self.0.clock().now());
        match record::change(&mut *act, &CHANGE_RECORD, caller.0.who.tenant(), new, patch).await {
            Ok((record, event)) => act.commit(event, Shown(record.into())).await,
            Err(SubjectError::Absent) => Err(self.0.absent(act.absent(id)).await),
            Err(error) => Err(error.into()),
        }
    }

    /// Remove a record
    ///
    /// What it said stays beside the audit log, sealed under the subject's key, as what changes replace does.
    #[oai(path = "/records/:id", method = "delete", operation_id = "deleteRecord")]
    async fn delete(&self, caller: Caller, id: Path<Uuid>) -> Result<Done, Refused> {
        let id = RecordId::from(id.0);
        let mut act = self.0.begin(&caller, &DELETE_RECORD, &[0; 32]).await?;

        match record::remove(&mut *act, &DELETE_RECORD, id).await {
            Ok(event) => act.commit(event, Done).await,
            Err(SubjectError::Absent) => Err(self.0.absent(act.absent(id)).await),
            Err(error) => Err(error.into()),
        }
    }
}

impl Api {
    fn view(
        &self,
        caller: &Caller,
        record: StoredRecord,
        key: Option<&SubjectKey>,
        receipt: &Receipt,
    ) -> Result<RecordView, Refused> {
        let row = Place { tenant: caller.0.who.tenant(), row: record.id.into(), column: "" };
        let fields = self.0.open_all(key, row, &record.fields, receipt)?;
        Ok(RecordView { facts: record.into(), fields })
    }
}

fn names(records: &[StoredRecord]) -> Vec<String> {
    let mut names: Vec<_> =
        records.iter().flat_map(|record| record.fields.names().map(str::to_owned)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn draft(catalogue: &Catalogue, new: NewRecord) -> Result<Draft, Refused> {
    let category =
        catalogue.category(&new.category).ok_or_else(|| Refused::at("/category", "no such category"))?;
    let fields = Fields::parse(&category.fields, new.fields.given());
    let fields = fields.map_err(|errors| Refused::invalid(faults("/fields", errors).collect()))?;
    Ok(Draft { category: new.category, occurred_on: new.occurred_on.map(|day| day.0), fields })
}

fn patch(
    catalogue: &Catalogue,
    found: &StoredRecord,
    occurred_on: Option<Option<NaiveDate>>,
    given: &FieldMap,
) -> Result<Patch, SubjectError> {
    let specs =
        catalogue.category(&found.category).map(|category| category.fields.as_slice()).unwrap_or_default();
    let (set, remove) = Fields::parse_changes(specs, given.given()).map_err(SubjectError::Invalid)?;
    Ok(Patch { occurred_on, set, remove })
}

/// A record to add.
#[derive(Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
struct NewRecord {
    /// Of which category; it decides which fields there may be.
    category: String,
    /// When what it tells of happened.
    occurred_on: Option<Given<Day>>,
    /// What it says.
    fields: FieldMap,
}

/// What to change about a record.
#[derive(Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
struct RecordChange {
    /// When what it tells of happened; `null` for no day.
    #[serde(default, deserialize_with = "crate::fields::named")]
    occurred_on: Option<Option<Given<Day>>>,
    /// Fields to set; `null` removes one.
    #[serde(default, deserialize_with = "crate::fields::named")]
    fields: Option<FieldMap>,
}

/// A page of records.
#[derive(Object)]
struct RecordList {
    /// In the order of their ids.
    items: Vec<RecordView>,
    /// Leads to the next page.
    next_cursor: Option<String>,
}

/// A record, without what it says.
#[derive(Object)]
struct RecordFacts {
    /// Names it.
    id: Uuid,
    /// About whom.
    subject: Uuid,
    /// Of which category.
    category: String,
    /// When what it tells of happened.
    occurred_on: Option<Given<Day>>,
    /// Counts its changes, from 1.
    version: i32,
    /// Since when.
    created_at: Time,
    /// When something last changed.
    updated_at: Time,
}

/// A record, in clear.
#[derive(Object)]
#[oai(rename = "Record")]
struct RecordView {
    /// What is not personal.
    #[oai(flatten)]
    facts: RecordFacts,
    /// What it says.
    fields: FieldMap,
}

impl From<StoredRecord> for RecordFacts {
    fn from(record: StoredRecord) -> Self {
        Self {
            id: record.id.into(),
            subject: record.subject.into(),
            category: record.category,
            occurred_on: record.occurred_on.map(Given),
            version: record.version,
            created_at: record.created_at.into(),
            updated_at: record.updated_at.into(),
        }
    }
}
