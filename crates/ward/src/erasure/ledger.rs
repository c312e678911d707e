use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ward_crypto::{KeyId, LedgerKey};
use ward_kernel::{StoreError, SubjectId, TenantId};

use super::{ErasureEntry, ErasureReason};

/// Entries that are written down at once.
const MOST: u32 = 100;

/// Port: numbered texts outside of the database. None is ever put in the place of another.
#[async_trait]
pub trait ErasureLedger: Send + Sync {
    /// The text under a number; nothing, where there is none.
    async fn text(&self, number: u64) -> Result<Option<String>, Unanswered>;

    /// Puts a text under a number that has none, and says whether that was so.
    async fn add(&self, number: u64, text: &str) -> Result<bool, Unanswered>;

    /// The numbers after `number` that have a text.
    async fn numbers(&self, number: u64) -> Result<Vec<u64>, Unanswered>;
}

/// The ledger didn't do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the erasure ledger doesn't answer as it should")]
pub struct Unanswered(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Port: what the database knows of the ledger, across tenants and without anything personal.
#[async_trait]
pub trait ErasureBook: Send + Sync {
    /// The last number that it knows; 0, if none.
    async fn last_entered(&self) -> Result<u64, StoreError>;

    /// Up to `most` erasures that have no number, the oldest first.
    async fn to_enter(&self, most: u32) -> Result<Vec<Unentered>, StoreError>;

    /// Notes the number that an erasure has in the ledger; one that isn't known is owed from now on. Says whether it is owed.
    async fn place(&self, tenant: TenantId, subject: SubjectId, number: u64) -> Result<bool, StoreError>;

    /// The tenants of whom erasures are owed.
    async fn owing(&self) -> Result<Vec<TenantId>, StoreError>;

    /// Up to `most` erasures that are owed of a tenant's, the oldest first.
    async fn owed(&self, tenant: TenantId, most: u32) -> Result<Vec<Owed>, StoreError>;

    /// Notes that one isn't owed: nothing of the person is there.
    async fn settle(&self, tenant: TenantId, subject: SubjectId) -> Result<(), StoreError>;
}

/// An erasure that the ledger doesn't have.
#[derive(Clone, Debug)]
pub struct Unentered {
    /// Whose.
    pub tenant: TenantId,
    /// Who was erased.
    pub subject: SubjectId,
    /// Which keys were destroyed.
    pub keys: Vec<KeyId>,
    /// Why.
    pub reason: ErasureReason,
    /// When.
    pub destroyed_at: DateTime<Utc>,
}

/// An erasure that the ledger has, and that is still to be done in this database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owed {
    /// Whose.
    pub tenant: TenantId,
    /// Who is to be erased.
    pub subject: SubjectId,
    /// Where the ledger says so.
    pub number: u64,
}

/// What the ledger has beyond the database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Beyond {
    /// Nothing that is to be done.
    Nothing,
    /// Erasures that are owed from now on.
    Erasures,
}

/// Why it isn't known who was erased.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// It can't be asked.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// A number has no text, and is followed by some, or was there before.
    #[error("entry {0} of the erasure ledger is missing")]
    Missing(u64),
    /// A text isn't what the deployment wrote there.
    #[error("entry {0} of the erasure ledger is none of this deployment's")]
    Forged(u64),
    /// A text is of somebody whom the database knows under another number, so that nothing after it is ever known.
    #[error("entry {0} of the erasure ledger is of somebody who has another")]
    Twice(u64),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads what the ledger has beyond the database, and notes what is owed of it. A `whole` look also sees whether it is the ledger
/// that the database knows, and whether anything is missing beyond.
pub async fn look_beyond(
    ledger: &dyn ErasureLedger,
    book: &dyn ErasureBook,
    key: &LedgerKey,
    whole: bool,
) -> Result<Beyond, LedgerError> {
    let mut last = book.last_entered().await?;
    let mut end = last;
    if whole {
        if last > 0 {
            let text = ledger.text(last).await?.ok_or(LedgerError::Missing(last))?;
            ErasureEntry::read(&text, last, key).ok_or(LedgerError::Forged(last))?;
        }
        end = ledger.numbers(last).await?.into_iter().max().unwrap_or(last);
    }
    let mut beyond = Beyond::Nothing;
    loop {
        let number = last + 1;
        let Some(text) = ledger.text(number).await? else {
            return if number > end { Ok(beyond) } else { Err(LedgerError::Missing(number)) };
        };
        let entry = ErasureEntry::read(&text, number, key).ok_or(LedgerError::Forged(number))?;
        if book.place(entry.tenant, entry.subject, number).await? {
            beyond = Beyond::Erasures;
        }
        last = number;
    }
}

/// Enters erasures that have no number yet, each under the next one that is free. Numbers are the ledger's to give: a database that comes
/// out of a backup would give some of them twice. Says what was met on the way.
///
/// Of several that do so at once each enters others: whoever has no number once `last` is known has none up to there, and beyond it is only
/// what this call adds, as every number is tried in turn.
pub async fn enter(
    ledger: &dyn ErasureLedger,
    book: &dyn ErasureBook,
    key: &LedgerKey,
) -> Result<Beyond, LedgerError> {
    let last = book.last_entered().await?;
    for (unentered, number) in book.to_enter(MOST).await?.into_iter().zip(last + 1..) {
        let Unentered { tenant, subject, keys, reason, destroyed_at } = unentered;
        let entry = ErasureEntry { number, tenant, subject, keys, reason, destroyed_at };
        if !ledger.add(number, &entry.write(key)).await? {
            // Another replica was first, or the ledger has what a backup hasn't: what lies there is to be read.
            let beyond = look_beyond(ledger, book, key, false).await?;
            let is_known = book.last_entered().await? >= number;
            return if is_known { Ok(beyond) } else { Err(LedgerError::Twice(number)) };
        }
        book.place(tenant, subject, number).await?;
    }
    Ok(Beyond::Nothing)
}
