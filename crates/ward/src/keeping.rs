use async_trait::async_trait;
use chrono::NaiveDate;
use ward_audit::keeping::KeptYears;
use ward_kernel::{EventId, StoreError, TenantId};

/// What of a log nobody has to keep any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Prunable {
    /// The first entry that is kept.
    pub first: u64,
    /// The day before which all others were made.
    pub before: NaiveDate,
}

/// Port: what is dropped of logs once nobody has to keep it. Storage reckons for itself what that is, by its own clock.
#[async_trait]
pub trait Keeping: Send + Sync {
    /// What there is to prune in the log of `tenant`.
    async fn prunable(&self, tenant: TenantId, years: KeptYears) -> Result<Option<Prunable>, StoreError>;

    /// Has the log of `tenant` begin where its entry `said` says; `false`, if no head stands for that entry yet, or it says too much.
    async fn prune(&self, tenant: TenantId, said: EventId, years: KeptYears) -> Result<bool, StoreError>;

    /// Sets apart what `tenant` keeps of the oldest month; `false`, if it has to keep all of it.
    async fn carry_over(&self, tenant: TenantId, years: KeptYears) -> Result<bool, StoreError>;

    /// Drops the oldest month of all logs, if each of them lets it go; says which. [Raced](StoreError::Raced) where somebody reads or writes
    /// logs for longer than others can wait.
    async fn drop_month(&self, years: KeptYears) -> Result<Option<NaiveDate>, StoreError>;

    /// Forgets where some thousand dropped entries of `tenant` stood; says of how many.
    async fn forget_places(&self, tenant: TenantId) -> Result<u64, StoreError>;

    /// Forgets what found dropped entries of `tenant`, some thousand words in tiles; says of how many.
    async fn forget_words(&self, tenant: TenantId) -> Result<u64, StoreError>;
}
