use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use ward_kernel::{BlindIndex, RecordId, StoreError, SubjectId};

use crate::{Jurisdiction, Kind, SealedFields, TimeZone};

/// A subject as it is stored: everything personal sealed.
#[derive(Clone, Debug)]
pub struct StoredSubject {
    /// Names it.
    pub id: SubjectId,
    /// What they are to the tenant.
    pub kind: Kind,
    /// The customer's own name for them, sealed as the field `external_ref`, and its blind index.
    pub external_ref: Option<(Vec<u8>, BlindIndex)>,
    /// Finds them by mail address.
    pub email_index: Option<BlindIndex>,
    /// Finds them by telephone number.
    pub phone_index: Option<BlindIndex>,
    /// Where their day begins.
    pub time_zone: Option<TimeZone>,
    /// Whose law protects them.
    pub jurisdiction: Option<Jurisdiction>,
    /// What is known of them.
    pub fields: SealedFields,
    /// The keyed digest of the row they were last imported from, while nothing else changed them.
    pub import_digest: Option<[u8; 32]>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When something last changed.
    pub updated_at: DateTime<Utc>,
}

/// A record as it is stored: every field sealed.
#[derive(Clone, Debug)]
pub struct StoredRecord {
    /// Names it.
    pub id: RecordId,
    /// About whom.
    pub subject: SubjectId,
    /// Of which category.
    pub category: String,
    /// When what it tells of happened.
    pub occurred_on: Option<NaiveDate>,
    /// What it says.
    pub fields: SealedFields,
    /// Counts its changes, from 1.
    pub version: i32,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When something last changed.
    pub updated_at: DateTime<Utc>,
}

/// A subject that the tenant knows by its own name for it.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The index of that name.
    pub index: BlindIndex,
    /// Who it is.
    pub id: SubjectId,
    /// See [`StoredSubject::import_digest`].
    pub digest: Option<[u8; 32]>,
}

/// Port: a tenant's subjects, to change.
#[async_trait]
pub trait Subjects: Send {
    /// Adds subjects.
    async fn add(&mut self, subjects: &[StoredSubject]) -> Result<(), StoreError>;

    /// Those of `ids` that there are, which nobody else changes until the unit ends.
    async fn hold(&mut self, ids: &[SubjectId]) -> Result<Vec<StoredSubject>, StoreError>;

    /// Replaces what is stored of a subject.
    async fn replace(&mut self, subject: &StoredSubject) -> Result<(), StoreError>;

    /// Those that the tenant knows by these names. Where a name has several indexes, nobody else makes a subject known by one until
    /// the unit ends.
    async fn known(&mut self, refs: &[BlindIndex]) -> Result<Vec<Known>, StoreError>;
}

/// Port: a tenant's subjects, to read.
#[async_trait]
pub trait SubjectsView: Send {
    /// One subject.
    async fn subject(&mut self, id: SubjectId) -> Result<Option<StoredSubject>, StoreError>;

    /// Up to `most` subjects that `search` finds, after `after`, in the order of their ids.
    async fn subjects(
        &mut self,
        search: &SubjectSearch,
        after: Option<SubjectId>,
        most: u32,
    ) -> Result<Vec<StoredSubject>, StoreError>;
}

/// Which subjects to find; all that is named must fit.
#[derive(Clone, Debug, Default)]
pub struct SubjectSearch {
    /// By any of the indexes of a mail address.
    pub email: Option<Vec<BlindIndex>>,
    /// By any of those of a telephone number.
    pub phone: Option<Vec<BlindIndex>>,
    /// By any of those of the customer's own name.
    pub external_ref: Option<Vec<BlindIndex>>,
    /// Of this kind.
    pub kind: Option<Kind>,
}

/// Port: a tenant's records, to change.
#[async_trait]
pub trait Records: Send {
    /// Adds records of subjects that there are.
    async fn add_records(&mut self, records: &[StoredRecord]) -> Result<(), StoreError>;

    /// Those of `ids` that there are, which nobody else changes until the unit ends. The subjects they are about are held
    /// first, as everywhere: who held a record and waited for its subject could meet who does it the other way round.
    async fn hold_records(&mut self, ids: &[RecordId]) -> Result<Vec<StoredRecord>, StoreError>;

    /// Replaces what is stored of a record.
    async fn replace_record(&mut self, record: &StoredRecord) -> Result<(), StoreError>;

    /// Removes a record.
    async fn remove_record(&mut self, id: RecordId) -> Result<(), StoreError>;
}

/// Port: a tenant's records, to read.
#[async_trait]
pub trait RecordsView: Send {
    /// One record.
    async fn record(&mut self, id: RecordId) -> Result<Option<StoredRecord>, StoreError>;

    /// Up to `most` records of `subject`, after `after`, in the order of their ids.
    async fn records_of(
        &mut self,
        subject: SubjectId,
        after: Option<RecordId>,
        most: u32,
    ) -> Result<Vec<StoredRecord>, StoreError>;
}
