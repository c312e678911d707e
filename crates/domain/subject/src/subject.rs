//! Subjects: adding and changing them.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ward_audit::{Change, Event, Replaced};
use ward_kernel::{
    BlindIndex, Entity, Indexer, Operation, Place, SealError, SealedBytes, Sealer, StoreError, SubjectId,
    SubjectKeys, TenantId,
};

use crate::operations::{SUBJECT_CHANGED, SUBJECT_CREATED};
use crate::{
    ExternalRef, FieldError, Fields, Jurisdiction, Kind, SealedFields, StoredSubject, Subjects, TimeZone,
};

/// A subject in clear, not stored yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What they are to the tenant.
    pub kind: Kind,
    /// The customer's own name for them.
    pub external_ref: Option<ExternalRef>,
    /// Where their day begins.
    pub time_zone: Option<TimeZone>,
    /// Whose law protects them.
    pub jurisdiction: Option<Jurisdiction>,
    /// What is known of them.
    pub fields: Fields,
}

impl Draft {
    /// Somebody of whom nothing else is known.
    pub fn new(kind: Kind, fields: Fields) -> Self {
        Self { kind, external_ref: None, time_zone: None, jurisdiction: None, fields }
    }
}

/// What to change; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// Another zone, or none.
    pub time_zone: Option<Option<TimeZone>>,
    /// Another law, or none.
    pub jurisdiction: Option<Option<Jurisdiction>>,
    /// Fields to set.
    pub set: Fields,
    /// Fields to remove.
    pub remove: Vec<&'static str>,
}

/// Why a subject was not stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// There is no such subject.
    #[error("no such subject")]
    Absent,
    /// Their key was destroyed: they were erased.
    #[error("the subject was erased")]
    Erased,
    /// Fields that can't be so.
    #[error("the fields can't be so")]
    Invalid(Vec<FieldError>),
    /// A value could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What subjects are found by: the column, and the text that is indexed.
struct Found(&'static str, String);

impl Found {
    /// By mail address, whatever its case.
    fn email(email: &str) -> Self {
        Self("subject.email", email.trim().to_lowercase())
    }

    fn phone(phone: &str) -> Self {
        Self("subject.phone", phone.trim().to_owned())
    }

    fn name(kind: Kind, external_ref: &str) -> Self {
        Self("subject.external_ref", format!("{}\n{external_ref}", kind.as_str()))
    }

    fn index(&self, indexer: &dyn Indexer) -> BlindIndex {
        indexer.index(self.0, self.1.as_bytes())
    }

    fn indexes(&self, indexer: &dyn Indexer) -> Vec<BlindIndex> {
        indexer.indexes(self.0, self.1.as_bytes())
    }
}

/// The index of `email`, as it is stored.
pub fn email_index(indexer: &dyn Indexer, email: &str) -> BlindIndex {
    Found::email(email).index(indexer)
}

/// All indexes that may be stored of `email`: finds subjects by it, whatever its case.
pub fn email_indexes(indexer: &dyn Indexer, email: &str) -> Vec<BlindIndex> {
    Found::email(email).indexes(indexer)
}

/// The index of `phone`, as it is stored.
pub fn phone_index(indexer: &dyn Indexer, phone: &str) -> BlindIndex {
    Found::phone(phone).index(indexer)
}

/// All indexes that may be stored of `phone`: finds subjects by it.
pub fn phone_indexes(indexer: &dyn Indexer, phone: &str) -> Vec<BlindIndex> {
    Found::phone(phone).indexes(indexer)
}

/// The index of what the tenant calls a subject of this kind, as it is stored.
pub fn ref_index(indexer: &dyn Indexer, kind: Kind, external_ref: &str) -> BlindIndex {
    Found::name(kind, external_ref).index(indexer)
}

/// All indexes that may be stored of that: finds the subject of this kind that the tenant calls `external_ref`.
pub fn ref_indexes(indexer: &dyn Indexer, kind: Kind, external_ref: &str) -> Vec<BlindIndex> {
    Found::name(kind, external_ref).indexes(indexer)
}

/// Adds a subject, under a key of their own, as part of `operation`.
pub async fn create(
    unit: &mut (impl Subjects + SubjectKeys + ?Sized),
    operation: &'static Operation,
    tenant: TenantId,
    (id, now): (SubjectId, DateTime<Utc>),
    draft: &Draft,
) -> Result<(StoredSubject, Event), SubjectError> {
    if let Some(name) = &draft.external_ref {
        let all = ref_indexes(&*unit.indexer(), draft.kind, name.as_str());
        // One index that is taken is refused by storage; of several, another may be.
        if all.len() > 1 && !unit.known(&all).await?.is_empty() {
            return Err(StoreError::Taken { constraint: "subject_ref".into() }.into());
        }
    }
    let keys = unit.make(&[id]).await?;
    let key = keys.first().ok_or(SubjectError::Erased)?;
    let (stored, named) = seal(tenant, id, draft, &**key, &*unit.indexer(), now)?;
    unit.add(std::slice::from_ref(&stored)).await?;
    let event = Event::of(operation, SUBJECT_CREATED, id).with_all(named);
    let event = event.with(Change::plain("kind", None, Some(draft.kind.as_str())));
    let event =
        event.with_all(plain_changes(None, &stored)).with_all(changes((id, id.into()), None, &stored.fields));
    Ok((stored, event))
}

/// Changes a subject, as part of `operation`.
pub async fn change(
    unit: &mut (impl Subjects + SubjectKeys + ?Sized),
    operation: &'static Operation,
    tenant: TenantId,
    (id, now): (SubjectId, DateTime<Utc>),
    patch: &Patch,
) -> Result<(StoredSubject, Event), SubjectError> {
    let before = unit.hold(&[id]).await?.pop().ok_or(SubjectError::Absent)?;
    let key = the_key(unit, id).await?;
    let mut after = StoredSubject { import_digest: None, updated_at: now, ..before.clone() };
    if let Some(zone) = patch.time_zone {
        after.time_zone = zone;
    }
    if let Some(jurisdiction) = &patch.jurisdiction {
        after.jurisdiction = jurisdiction.clone();
    }
    let place = Place { tenant, row: id.into(), column: "" };
    for (name, sealed) in patch.set.seal(&*key, place)?.0 {
        after.fields.set(name, sealed);
    }
    patch.remove.iter().for_each(|name| after.fields.remove(name));
    let indexer = unit.indexer();
    let removed = |name: &str| patch.remove.contains(&name);
    let index = |name: &str, old, of: fn(&dyn Indexer, &str) -> BlindIndex| match patch.set.text(name) {
        Some(text) => Some(of(&*indexer, text)),
        None if removed(name) => None,
        None => old,
    };
    after.email_index = index("email", before.email_index, email_index);
    after.phone_index = index("phone", before.phone_index, phone_index);
    unit.replace(&after).await?;
    let event = Event::of(operation, SUBJECT_CHANGED, id).with_all(plain_changes(Some(&before), &after));
    let event = event.with_all(changes((id, id.into()), Some(&before.fields), &after.fields));
    Ok((after, event))
}

pub(crate) async fn the_key(
    unit: &mut (impl SubjectKeys + ?Sized),
    id: SubjectId,
) -> Result<Arc<dyn Sealer>, SubjectError> {
    unit.of(&[id]).await?.pop().flatten().ok_or(SubjectError::Erased)
}

/// Seals a subject for the first time; its `external_ref` is sealed for good, so what becomes of it is told beside.
pub(crate) fn seal(
    tenant: TenantId,
    id: SubjectId,
    draft: &Draft,
    key: &dyn Sealer,
    indexer: &dyn Indexer,
    now: DateTime<Utc>,
) -> Result<(StoredSubject, Option<Change>), SealError> {
    let place = Place { tenant, row: id.into(), column: "external_ref" };
    let external_ref = draft.external_ref.as_ref().map(|name| {
        let sealed = key.seal(place, name.as_str().as_bytes())?;
        let named = Change::personal(place.column.to_owned(), None, Some(sealed.commitment));
        Ok(((sealed.bytes, ref_index(indexer, draft.kind, name.as_str())), named))
    });
    let (external_ref, named) = external_ref.transpose()?.unzip();
    let stored = StoredSubject {
        id,
        kind: draft.kind,
        external_ref,
        email_index: draft.fields.text("email").map(|email| email_index(indexer, email)),
        phone_index: draft.fields.text("phone").map(|phone| phone_index(indexer, phone)),
        time_zone: draft.time_zone,
        jurisdiction: draft.jurisdiction.clone(),
        fields: draft.fields.seal(key, place)?,
        import_digest: None,
        created_at: now,
        updated_at: now,
    };
    Ok((stored, named))
}

/// What became of the sealed fields of a row of `subject`'s.
pub(crate) fn changes(
    (subject, row): (SubjectId, Entity),
    before: Option<&SealedFields>,
    after: &SealedFields,
) -> Vec<Change> {
    let old = |name: &str| before.and_then(|before| before.find(name));
    let replaced = |field: &Cow<'static, str>, sealed: &SealedBytes| {
        let (field, sealed) = (field.clone(), sealed.clone());
        Replaced { subject, row, field, sealed }
    };
    let set = after.0.iter().map(|(name, new)| (name, old(name), new));
    let set = set.filter(|(_, old, new)| old.is_none_or(|old| old.commitment != new.commitment));
    let set = set.map(|(name, old, new)| {
        Change::personal(name.clone(), old.map(|old| replaced(name, old)), Some(new.commitment))
    });
    let gone = before.into_iter().flat_map(|before| &before.0).filter(|(name, _)| after.find(name).is_none());
    let gone = gone.map(|(name, old)| Change::personal(name.clone(), Some(replaced(name, old)), None));
    set.chain(gone).collect()
}

/// What became of what is not sealed.
pub(crate) fn plain_changes(before: Option<&StoredSubject>, after: &StoredSubject) -> Vec<Change> {
    let zone = |subject: &StoredSubject| subject.time_zone.map(TimeZone::as_str);
    let law = |subject: &StoredSubject| subject.jurisdiction.as_ref().map(|law| law.as_str().to_owned());
    let (old_law, new_law) = (before.and_then(law), law(after));
    let pairs = [
        ("time_zone", before.and_then(zone), zone(after)),
        ("jurisdiction", old_law.as_deref(), new_law.as_deref()),
    ];
    let changed = pairs.into_iter().filter(|(_, old, new)| old != new);
    changed.map(|(field, old, new)| Change::plain(field, old, new)).collect()
}
