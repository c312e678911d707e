//! `/subjects`

use std::sync::Arc;

use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::{Enum, Object, OpenApi};
use serde::Deserialize;
use uuid::Uuid;
use ward::audit::{Event, Receipt};
use ward::kernel::{Entity, Place, SubjectId};
use ward::subject::subject::{Draft, Patch, email_indexes, phone_indexes, ref_indexes};
use ward::subject::{
    CHANGE_SUBJECT, CREATE_SUBJECT, ExternalRef, FIND_SUBJECTS, Fields, SHOW_SUBJECT, SUBJECT_DISCLOSED,
    SUBJECT_SEARCHED, StoredSubject, SubjectError, SubjectSearch,
};

use crate::app::App;
use crate::auth::Caller;
use crate::fields::{FieldMap, faults, to_change};
use crate::http::body::Body;
use crate::http::given::{Cursor, Given, Law, Limit, Line, MailAddress, Phone, Zone};
use crate::http::page::Page;
use crate::http::problem::{Fault, Refused};
use crate::http::reply::{Created, Listed, Shown};
use crate::http::time::Time;
use crate::tag::Tag;

/// What is sealed of a subject beside its fields.
pub(crate) const EXTERNAL_REF: &str = "external_ref";

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Subjects")]
impl Api {
    /// Add a subject
    ///
    /// Every field is sealed under a key of the subject's own before it is stored.
    #[oai(path = "/subjects", method = "post", operation_id = "createSubject")]
    async fn create(&self, caller: Caller, body: Body<NewSubject>) -> Result<Created<SubjectFacts>, Refused> {
        let mut act = self.0.begin(&caller, &CREATE_SUBJECT, &body.digest).await?;

        let draft = self.draft(body.value)?;
        let (tenant, new) = (caller.0.who.tenant(), (self.0.machine.next().into(), self.0.clock().now()));
        let (subject, event) =
            ward::subject::subject::create(&mut *act, &CREATE_SUBJECT, tenant, new, &draft).await?;

        act.commit(event, Created(subject.into())).await
    }

    /// Find subjects
    ///
    /// By mail address, telephone number or the customer's own name: exactly, through an index that reveals nothing.
    /// Without any of them, all subjects are listed. What is shown is in the audit log before it leaves.
    #[oai(path = "/subjects", method = "get", operation_id = "findSubjects")]
    #[expect(clippy::too_many_arguments, reason = "one for each filter")]
    async fn find(
        &self,
        caller: Caller,
        request: &Request,
        /// This mail address, whatever its case.
        email: Query<Option<Given<MailAddress>>>,
        /// This telephone number, in E.164 form.
        phone: Query<Option<Given<Phone>>>,
        /// This name of the customer's own; needs `kind`.
        external_ref: Query<Option<String>>,
        /// Of this kind only.
        kind: Query<Option<Kind>>,
        /// How many, 1 to 200.
        limit: Query<Option<Given<Limit>>>,
        /// The `next_cursor` of an earlier page.
        cursor: Query<Option<Given<Cursor>>>,
    ) -> Result<Listed<SubjectList>, Refused> {
        let page = Page::new(limit.0, cursor.0);
        let kind = kind.0.map(ward::subject::Kind::from);

        let mut reading = self.0.read(&caller, &FIND_SUBJECTS).await?;
        let indexer = reading.keys().index();
        let named = external_ref.0.map(|name| {
            let kind = kind.ok_or_else(|| Refused::at("?kind", "is needed beside `external_ref`"))?;
            Ok::<_, Refused>(ref_indexes(&*indexer, kind, name.trim()))
        });
        let search = SubjectSearch {
            email: email.0.map(|email| email_indexes(&*indexer, &email.0)),
            phone: phone.0.map(|phone| phone_indexes(&*indexer, &phone.0)),
            external_ref: named.transpose()?,
            kind,
        };
        let mut found = reading.subjects(&search, page.after.map(Into::into), page.fetch()).await?;
        let next_cursor = page.cut(&mut found, |subject| subject.id.into());

        let ids: Vec<_> = found.iter().map(|subject| subject.id).collect();
        let keys = reading.subject_keys(&ids).await?;
        let event = Event::of(&FIND_SUBJECTS, SUBJECT_SEARCHED, reading.writer().tenant())
            .covering(ids.iter().map(|id| Entity::from(*id)))
            .disclosing(names(&found));
        let receipt = reading.disclose(event).await?;

        let pairs = found.into_iter().zip(keys);
        let items = pairs.map(|(subject, key)| self.view(&caller, subject, key.as_deref(), &receipt));
        let items = items.collect::<Result<_, _>>()?;
        let next = next_cursor.as_deref().map(|cursor| page.next(request, cursor));
        Ok(Listed { page: SubjectList { items, next_cursor }, next })
    }

    /// Show a subject
    ///
    /// The disclosure is in the audit log before a field is opened.
    #[oai(path = "/subjects/:id", method = "get", operation_id = "showSubject")]
    async fn show(&self, caller: Caller, id: Path<Uuid>) -> Result<Shown<SubjectView>, Refused> {
        let id = SubjectId::from(id.0);
        let mut reading = self.0.read(&caller, &SHOW_SUBJECT).await?;
        let Some(subject) = reading.subject(id).await? else {
            return Err(self.0.absent(reading.absent(id)).await);
        };
        let key = reading.subject_keys(&[id]).await?.pop().flatten();

        let shown = std::slice::from_ref(&subject);
        let event = Event::of(&SHOW_SUBJECT, SUBJECT_DISCLOSED, id).disclosing(names(shown));
        let receipt = reading.disclose(event).await?;

        Ok(Shown(self.view(&caller, subject, key.as_deref(), &receipt)?))
    }

    /// Change a subject
    ///
    /// What is not named stays; a field that is `null` is removed ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)).
    /// A field that is named is sealed anew, and logged as changed, though its value be the same: no value is opened to
    /// find that out.
    #[oai(path = "/subjects/:id", method = "patch", operation_id = "changeSubject")]
    async fn change(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        body: Body<SubjectChange>,
    ) -> Result<Shown<SubjectFacts>, Refused> {
        let id = SubjectId::from(id.0);
        let mut act = self.0.begin(&caller, &CHANGE_SUBJECT, &body.digest).await?;

        let patch = self.patch(body.value)?;
        let (tenant, now) = (caller.0.who.tenant(), self.0.clock().now());
        match ward::subject::subject::change(&mut *act, &CHANGE_SUBJECT, tenant, (id, now), &patch).await {
            Ok((subject, event)) => act.commit(event, Shown(subject.into())).await,
            Err(SubjectError::Absent) => Err(self.0.absent(act.absent(id)).await),
            Err(error) => Err(error.into()),
        }
    }
}

impl Api {
    fn draft(&self, new: NewSubject) -> Result<Draft, Refused> {
        let mut wrong = Vec::new();
        let external_ref = new.external_ref.map(|name| ExternalRef::parse(&name.0)).transpose();
        let external_ref = external_ref.unwrap_or_else(|error| {
            wrong.push(Fault::new("/external_ref", error));
            None
        });
        let fields = Fields::parse(self.0.catalogue.subject(), new.fields.given()).unwrap_or_else(|errors| {
            wrong.extend(faults("/fields", errors));
            Fields::default()
        });
        if !wrong.is_empty() {
            return Err(Refused::invalid(wrong));
        }
        let (time_zone, jurisdiction) = (new.time_zone.map(|zone| zone.0), new.jurisdiction.map(|law| law.0));
        Ok(Draft { kind: new.kind.into(), external_ref, time_zone, jurisdiction, fields })
    }

    fn patch(&self, change: SubjectChange) -> Result<Patch, Refused> {
        let more = change.time_zone.is_some() || change.jurisdiction.is_some();
        let given = to_change(change.fields, more)?;
        let (set, remove) = Fields::parse_changes(self.0.catalogue.subject(), given.given())
            .map_err(|errors| Refused::invalid(faults("/fields", errors).collect()))?;
        let time_zone = change.time_zone.map(|zone| zone.map(|zone| zone.0));
        let jurisdiction = change.jurisdiction.map(|law| law.map(|law| law.0));
        Ok(Patch { time_zone, jurisdiction, set, remove })
    }

    fn view(
        &self,
        caller: &Caller,
        subject: StoredSubject,
        key: Option<&ward::crypto::SubjectKey>,
        receipt: &Receipt,
    ) -> Result<SubjectView, Refused> {
        let row = Place { tenant: caller.0.who.tenant(), row: subject.id.into(), column: EXTERNAL_REF };
        let name = subject.external_ref.as_ref();
        let name = name.map(|(sealed, _)| self.0.open(key, row, sealed, receipt)).transpose()?.flatten();
        let fields = self.0.open_all(key, row, &subject.fields, receipt)?;
        Ok(SubjectView { facts: subject.into(), external_ref: name, fields })
    }
}

/// Every field that is about to be shown.
fn names(subjects: &[StoredSubject]) -> Vec<String> {
    let mut names: Vec<_> =
        subjects.iter().flat_map(|subject| subject.fields.names().map(str::to_owned)).collect();
    names.extend(
        subjects.iter().filter_map(|subject| subject.external_ref.as_ref()).map(|_| EXTERNAL_REF.to_owned()),
    );
    names.sort_unstable();
    names.dedup();
    names
}

/// What somebody is to the tenant.
#[derive(Clone, Copy, Debug, Deserialize, Enum, Eq, PartialEq)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A licensed professional.
    Clinician,
    /// Somebody who is treated.
    Patient,
    /// Somebody who works there.
    Employee,
    /// Anybody else with rights.
    Consumer,
}

/// A subject to add.
#[derive(Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
struct NewSubject {
    /// What they are to the tenant.
    kind: Kind,
    /// The customer's own name for them; unique among their kind.
    external_ref: Option<Given<Line<{ ExternalRef::LENGTH }>>>,
    /// Where their day begins: an IANA time zone.
    time_zone: Option<Given<Zone>>,
    /// Whose law protects them: an ISO 3166 code.
    jurisdiction: Option<Given<Law>>,
    /// What is known of them.
    fields: FieldMap,
}

/// What to change about a subject.
#[derive(Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
struct SubjectChange {
    /// Where their day begins; `null` for nowhere known.
    #[serde(default, deserialize_with = "crate::fields::named")]
    time_zone: Option<Option<Given<Zone>>>,
    /// Whose law protects them; `null` for none known.
    #[serde(default, deserialize_with = "crate::fields::named")]
    jurisdiction: Option<Option<Given<Law>>>,
    /// Fields to set; `null` removes one.
    #[serde(default, deserialize_with = "crate::fields::named")]
    fields: Option<FieldMap>,
}

/// A page of subjects.
#[derive(Object)]
struct SubjectList {
    /// Oldest first.
    items: Vec<SubjectView>,
    /// Leads to the next page.
    next_cursor: Option<String>,
}

/// A subject, without anything personal.
#[derive(Object)]
pub(crate) struct SubjectFacts {
    /// Names them.
    id: Uuid,
    /// What they are to the tenant.
    kind: Kind,
    /// Where their day begins.
    time_zone: Option<Given<Zone>>,
    /// Whose law protects them.
    jurisdiction: Option<Given<Law>>,
    /// Since when.
    created_at: Time,
    /// When something last changed.
    updated_at: Time,
}

/// A subject, in clear.
#[derive(Object)]
#[oai(rename = "Subject")]
struct SubjectView {
    /// What is not personal.
    #[oai(flatten)]
    facts: SubjectFacts,
    /// The customer's own name for them.
    external_ref: Option<String>,
    /// What is known of them.
    fields: FieldMap,
}

impl From<StoredSubject> for SubjectFacts {
    fn from(subject: StoredSubject) -> Self {
        Self {
            id: subject.id.into(),
            kind: subject.kind.into(),
            time_zone: subject.time_zone.map(Given),
            jurisdiction: subject.jurisdiction.map(Given),
            created_at: subject.created_at.into(),
            updated_at: subject.updated_at.into(),
        }
    }
}

impl From<Kind> for ward::subject::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Clinician => Self::Clinician,
            Kind::Patient => Self::Patient,
            Kind::Employee => Self::Employee,
            Kind::Consumer => Self::Consumer,
        }
    }
}

impl From<ward::subject::Kind> for Kind {
    fn from(kind: ward::subject::Kind) -> Self {
        use ward::subject::Kind;
        match kind {
            Kind::Clinician => Self::Clinician,
            Kind::Patient => Self::Patient,
            Kind::Employee => Self::Employee,
            Kind::Consumer => Self::Consumer,
        }
    }
}

impl From<SubjectError> for Refused {
    fn from(error: SubjectError) -> Self {
        match error {
            SubjectError::Store(error) => error.into(),
            SubjectError::Invalid(errors) => Self::invalid(faults("/fields", errors).collect()),
            SubjectError::Erased => Self::conflict("erased", error),
            error => Self::logged(&error),
        }
    }
}
