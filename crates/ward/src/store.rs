use std::sync::Arc;

use async_trait::async_trait;
use ward_assurance::{Ledger, LedgerView};
use ward_audit::inspect::StoredLog;
use ward_audit::{
    self as audit, AuditView, Erasure, Events, Receipt, RecordError, Recorded, Trail, ValuesView, Writer,
};
use ward_crypto::{SubjectKey, TenantKeys};
use ward_identity::{ApiKeys, ApiKeysView};
use ward_kernel::{Entity, Ids, StoreError, SubjectId, SubjectKeys};
use ward_rbac::{Denied, Permit};
use ward_subject::{Records, RecordsView, Subjects, SubjectsView};
use ward_tenancy::{Tenants, TenantsView};

use crate::custody::{Custodian, CustodyView};
use crate::delivery::Sinks;
use crate::erasure::{Erasures, ErasuresView};
use crate::job::Queue;
use crate::log_keys::LogKeyStore;
use crate::once::Answers;
use crate::rotation::{KeyUpkeep, Rotations, RotationsView};

/// Port: the only way to data, and only with a [`Permit`].
#[async_trait]
pub trait Store: Send + Sync {
    /// Begins a transaction that sees the permit's tenant and no other; READ ONLY, if the operation doesn't write.
    async fn begin(&self, permit: Permit) -> Result<Box<dyn Unit>, StoreError>;

    /// Begins a tenant's first transaction, and makes its keys; one that has keys can't be founded again.
    async fn found(&self, permit: Permit) -> Result<Box<dyn Unit>, StoreError>;

    /// Reads the permit's tenant, one statement at a time, without a transaction.
    async fn read(&self, permit: Permit) -> Result<Box<dyn Reading>, StoreError>;

    /// Writes a refusal to the log, in a unit that can do nothing else.
    async fn refuse(&self, denied: &Denied) -> Result<(), StoreError>;
}

/// Port: one transaction, speaking every domain's port. Dropping it undoes it.
#[async_trait]
pub trait Unit:
    Answers
    + ApiKeys
    + Custodian
    + Erasure
    + Erasures
    + KeyUpkeep
    + Ledger
    + LogKeyStore
    + Queue
    + Records
    + Rotations
    + Sinks
    + SubjectKeys
    + Subjects
    + Tenants
    + Trail
{
    /// By whose leave, and under which id, the unit writes.
    fn writer(&self) -> &Writer;

    /// Where its ids come from.
    fn ids(&self) -> Arc<dyn Ids>;

    /// The tenant's keys.
    fn keys(&self) -> Arc<TenantKeys>;

    /// Makes the unit's changes durable, if `recorded` is all that was appended in it, and no statement failed.
    async fn close(self: Box<Self>, recorded: &Recorded) -> Result<(), StoreError>;
}

impl dyn Unit {
    /// Records `events` and commits them with the changes they explain, or nothing at all.
    pub async fn commit(mut self: Box<Self>, events: impl Into<Events>) -> Result<Receipt, RecordError> {
        let (writer, ids) = (self.writer().clone(), self.ids());
        let recorded = audit::record(&mut *self, &*ids, &writer, &events.into()).await?;
        self.close(&recorded).await?;
        #[expect(clippy::disallowed_methods, reason = "the database has just answered COMMIT")]
        Ok(audit::authority::committed(recorded))
    }

    /// A refusal to write once the unit is dropped: what the caller asked for isn't there.
    pub fn absent(&self, entity: impl Into<Entity>) -> Denied {
        Denied::absent(&self.writer().who, self.writer().operation, entity)
    }
}

/// Port: one tenant's data, to read. Each call is one statement, and sees what is committed by then.
#[async_trait]
pub trait Reading:
    ApiKeysView
    + AuditView
    + CustodyView
    + ErasuresView
    + LedgerView
    + RecordsView
    + RotationsView
    + StoredLog
    + SubjectsView
    + TenantsView
    + Trail
    + ValuesView
{
    /// By whose leave it reads.
    fn writer(&self) -> &Writer;

    /// Where its ids come from.
    fn ids(&self) -> Arc<dyn Ids>;

    /// The tenant's keys.
    fn keys(&self) -> Arc<TenantKeys>;

    /// The keys of `subjects`, in their order; nothing for one that was erased.
    async fn subject_keys(
        &mut self,
        subjects: &[SubjectId],
    ) -> Result<Vec<Option<Arc<SubjectKey>>>, StoreError>;

    /// The key that `subject` has now, which also confirms what those committed to that it followed.
    async fn committing_key(&mut self, subject: SubjectId) -> Result<Option<Arc<SubjectKey>>, StoreError>;
}

impl dyn Reading {
    /// Commits `events`, in a unit that changes nothing else; the receipt opens what they say is disclosed.
    pub async fn disclose(mut self: Box<Self>, events: impl Into<Events>) -> Result<Receipt, RecordError> {
        let (writer, ids) = (self.writer().clone(), self.ids());
        // Appending is one statement that commits itself.
        let recorded = audit::record(&mut *self, &*ids, &writer, &events.into()).await?;
        #[expect(clippy::disallowed_methods, reason = "the database has just answered the commit")]
        Ok(audit::authority::committed(recorded))
    }

    /// A refusal to write: what the caller asked for isn't there.
    pub fn absent(&self, entity: impl Into<Entity>) -> Denied {
        Denied::absent(&self.writer().who, self.writer().operation, entity)
    }
}
