use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use ward::kernel::TenantId;

/// The share of the database's connections that imports may hold, all of them together: the others stay free for other
/// requests, of other tenants above all.
pub(crate) struct Share {
    places: Semaphore,
    turns: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

/// Room for a batch, for as long as this lives.
#[must_use]
pub(super) struct Room<'s> {
    _place: Option<SemaphorePermit<'s>>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// A tenant's batches in line for room: what another tenant sends waits behind these, and not behind all it has.
    const IN_LINE: u32 = 2;

    /// A quarter of `connections`, and one at least.
    pub(crate) fn of(connections: u32) -> Self {
        Self { places: Semaphore::new((connections / 4).max(1) as usize), turns: Mutex::default() }
    }

    /// Waits for room for one batch of `tenant`.
    pub(super) async fn one(&self, tenant: TenantId) -> Room<'_> {
        self.room(tenant, 1).await
    }

    /// Waits until no other batch of `tenant` is in line, and lets none begin.
    pub(super) async fn alone(&self, tenant: TenantId) -> Room<'_> {
        self.room(tenant, Self::IN_LINE).await
    }

    async fn room(&self, tenant: TenantId, turns: u32) -> Room<'_> {
        let turn = self.turns_of(tenant).acquire_many_owned(turns).await.ok();
        Room { _place: self.places.acquire().await.ok(), _turn: turn }
    }

    fn turns_of(&self, tenant: TenantId) -> Arc<Semaphore> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Who waits or stores holds on to the line.
        turns.retain(|of, line| *of == tenant || Arc::strong_count(line) > 1);
        turns.entry(tenant).or_insert_with(|| Arc::new(Semaphore::new(Self::IN_LINE as usize))).clone()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use ward::kernel::{TenantId, Uuid};

    use super::Share;

    fn tenant(n: u128) -> TenantId {
        Uuid::from_u128(n).into()
    }

    #[test]
    fn all_imports_together_hold_a_quarter_of_the_connections() {
        for (connections, batches) in [(2, 1), (4, 1), (16, 4), (500, 125)] {
            let (share, other) = (Share::of(connections), tenant(0));
            let mut held: Vec<_> =
                (1..=batches).map(|n| share.one(tenant(n)).now_or_never().unwrap()).collect();
            assert!(share.one(other).now_or_never().is_none(), "{connections}");
            held.pop();
            assert!(share.one(other).now_or_never().is_some());
        }
    }

    #[test]
    fn one_that_is_alone_shuts_out_its_own_tenant_and_no_other() {
        let (share, own, other) = (Share::of(16), tenant(1), tenant(2));
        let first = share.one(own).now_or_never().unwrap();
        assert!(share.alone(own).now_or_never().is_none());
        drop(first);
        let _alone = share.alone(own).now_or_never().unwrap();
        assert!(share.one(own).now_or_never().is_none());
        assert!(share.one(other).now_or_never().is_some());
    }

    #[test]
    fn nobody_waits_behind_all_that_another_tenant_sends() {
        let (share, many, other) = (Share::of(16), tenant(1), tenant(2));
        let mut held: Vec<_> = (0..2).map(|_| share.one(many).now_or_never().unwrap()).collect();
        assert!(share.one(many).now_or_never().is_none());
        let _other = share.one(other).now_or_never().unwrap();
        held.pop();
        let _next = share.one(many).now_or_never().unwrap();
        drop((held, share.one(tenant(3))));
        assert_eq!(share.turns.lock().unwrap().len(), 2, "who has nothing under way is forgotten");
    }
}
