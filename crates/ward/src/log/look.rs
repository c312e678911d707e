use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ward_audit::index::Index;
use ward_audit::inspect::{StoredLog, inspect};
use ward_audit::log::first;
use ward_audit::sequence::{SequenceError, Step};
use ward_audit::tree::Tile;
use ward_crypto::TenantKeys;
use ward_kernel::{EventId, StoreError, TenantId, Uuid};

use super::{Sequencer, lock};

/// Port: what the check of logs keeps, and what it puts right.
#[async_trait]
pub trait Looks: Send + Sync {
    /// Puts back what the index of a tenant's log lacks.
    async fn put_back(&self, tenant: TenantId, index: &Index) -> Result<(), StoreError>;

    /// How far a tenant's log was looked at again.
    async fn progress(&self, tenant: TenantId) -> Result<Progress, StoreError>;

    /// Keeps how far it is now, unless another look has come further meanwhile.
    async fn keep_progress(&self, tenant: TenantId, from: Progress, to: Progress) -> Result<(), StoreError>;

    /// Looks behind `after` through `most` leaves of a tenant for those that have no place and wait for none, and lets them wait for one.
    /// Says from which leaf to go on; after the last, from the beginning.
    async fn enlist(
        &self,
        tenant: TenantId,
        after: EventId,
        most: u64,
    ) -> Result<(EventId, Vec<EventId>), StoreError>;
}

/// How far a log was looked at again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Progress {
    /// The first tile that is still to be looked at.
    pub tile: u64,
    /// The last leaf of which it was seen that it has a place, or waits for one.
    pub leaf: EventId,
    /// When it was last looked at, if it was found sound.
    pub at: DateTime<Utc>,
}

/// What a look at a log came to.
#[derive(Debug)]
pub struct Look {
    /// How many tiles were looked at.
    pub tiles: u64,
    /// How many entries they hold.
    pub entries: u64,
    /// How many entries are kept of the log.
    pub size: u64,
    /// What was wrong, and was put right.
    pub mended: Option<SequenceError>,
    /// Leaves that had no place and waited for none: now they do.
    pub enlisted: Vec<EventId>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { tile: 0, leaf: Uuid::nil().into(), at: DateTime::UNIX_EPOCH }
    }
}

impl Sequencer {
    /// Looks at a log again, `tiles` at most from where the last look ended: whether it is what was signed. Puts right what can be.
    pub async fn look_again(
        &self,
        tenant: TenantId,
        log: &mut (impl StoredLog + ?Sized),
        keys: &TenantKeys,
        tiles: u64,
    ) -> Result<Look, SequenceError> {
        lock(&self.looked).insert(tenant, DateTime::UNIX_EPOCH);
        let head = log.head().await?;
        let size = head.as_ref().map_or(0, |head| head.checkpoint.size);
        let all = size.div_ceil(TILE);
        let from = self.looks.progress(tenant).await?;
        let kept = first(log).await? / TILE;
        let first = if from.tile < all { from.tile.max(kept) } else { kept };
        let range = first..all.min(first + tiles);
        let lacking = inspect(log, keys, self.seen(tenant).as_ref(), range.clone()).await?;
        head.iter().for_each(|head| self.remember(tenant, head));
        if !lacking.is_empty() {
            self.looks.put_back(tenant, &lacking).await?;
        }
        let (reached, enlisted) = self.looks.enlist(tenant, from.leaf, tiles * TILE).await?;
        let is_sound = lacking.is_empty() && enlisted.is_empty();
        let at = if is_sound { self.clock.now() } else { DateTime::UNIX_EPOCH };
        self.looks.keep_progress(tenant, from, Progress { tile: range.end, leaf: reached, at }).await?;
        let mended = lacking.first_tile().map(|tile| SequenceError::Unfound { index: tile * TILE });
        lock(&self.looked).insert(tenant, at);
        let entries = size.min(range.end * TILE) - range.start * TILE;
        let size = size.saturating_sub(kept * TILE);
        Ok(Look { tiles: range.end - range.start, entries, size, mended, enlisted })
    }

    /// These tenants in the order in which their logs are to be looked at: those first that weren't found sound, then those that
    /// were so longest ago.
    pub async fn in_turn(&self, tenants: Vec<TenantId>) -> Result<Vec<TenantId>, StoreError> {
        let mut turns = Vec::with_capacity(tenants.len());
        for tenant in tenants {
            let known = lock(&self.looked).get(&tenant).copied();
            let at = match known {
                Some(at) => at,
                None => self.looks.progress(tenant).await?.at,
            };
            turns.push((at, tenant));
        }
        turns.sort_by_key(|(at, _)| *at);
        Ok(turns.into_iter().map(|(_, tenant)| tenant).collect())
    }

    /// Takes a step of a log that lets leaves try again that were set aside: what befell them may be over.
    pub async fn retry(&self, tenant: TenantId) -> Result<Option<Step>, SequenceError> {
        let (mut growth, keys) = self.logs.grow(tenant, true).await?;
        growth.head().await?; // held before anything else, as by every step
        growth.take_up(super::MOST).await?;
        self.take_step(tenant, growth, &keys).await
    }
}

const TILE: u64 = Tile::WIDTH as u64;
