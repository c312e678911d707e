use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::lock::Mutex as Turn;
use ward_kernel::TenantId;

use crate::material::redacted;
use crate::versions::{newest_first, serving};
use crate::{
    KeyError, KeyId, KeyPurpose, Keyring, LaterKey, Sealed, ServiceError, Suite, TenantKeys, WrappedKey,
};

/// For so long a failure is the answer to whoever asks next, so that a key service that says no isn't asked by every request.
const REST: Duration = Duration::from_secs(1);

/// A tenant's keys as they are stored, all but its subjects', and who wraps its own.
///
/// Two are equal whatever was sealed under their keys meanwhile.
#[derive(Clone, Debug, Default)]
pub struct StoredKeys {
    /// Where the key service is that the tenant brought; `None`, if the deployment's wraps its key.
    pub external: Option<String>,
    /// The keys.
    pub keys: Vec<WrappedKey>,
    /// Those for purposes that this Ward doesn't know. While a deployment is upgraded, they keep no tenant from being served.
    pub later: Vec<LaterKey>,
    /// How many messages were [sealed](crate::Sealings) under which of them, as far as replicas told.
    pub sealed: Vec<(KeyId, u64)>,
}

impl PartialEq for StoredKeys {
    fn eq(&self, other: &Self) -> bool {
        let Self { external, keys, later, sealed: _ } = self;
        (external, keys, later) == (&other.external, &other.keys, &other.later)
    }
}

impl Eq for StoredKeys {}

impl StoredKeys {
    /// The suite of the tenant's own key, told by what it wraps; nothing, where it wraps nothing that can be read.
    pub fn suite(&self) -> Option<Suite> {
        let wrapped = self.keys.iter().find(|key| key.purpose != KeyPurpose::Tenant)?;
        Sealed::parse(&wrapped.bytes).ok().map(|sealed| sealed.suite())
    }

    /// Which of the keys for `purpose` serves for what is new: the newest that everybody has. A log's signs as soon as it is stored.
    pub fn serving(&self, purpose: KeyPurpose) -> Option<KeyId> {
        let versions = newest_first(&self.keys, purpose).ok()?;
        let at = if purpose == KeyPurpose::Log { 0 } else { serving(&versions) };
        versions.get(at).map(|key| key.id)
    }
}

/// Why a tenant's keys aren't there, told to everybody who waited for them.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the tenant's keys were not loaded")]
pub struct Unloaded(#[source] Arc<KeyError>);

impl Unloaded {
    /// What went wrong.
    pub fn why(&self) -> &KeyError {
        &self.0
    }

    fn is_out_of_reach(&self) -> bool {
        matches!(*self.0, KeyError::Service(ServiceError::Unavailable(_)))
    }
}

impl From<KeyError> for Unloaded {
    fn from(error: KeyError) -> Self {
        Self(Arc::new(error))
    }
}

/// A tenant's keys on their way in: whoever asks for them meanwhile waits for the same answer.
///
/// Begin before reading what is stored: what is [forgotten](Keyring::forget) from then on stays out.
pub struct Loading<'a> {
    ring: &'a Keyring,
    tenant: TenantId,
    asked: Duration,
    forgotten: u64,
}

impl<'a> Loading<'a> {
    pub(crate) fn new(ring: &'a Keyring, tenant: TenantId, asked: Duration, forgotten: u64) -> Self {
        Self { ring, tenant, asked, forgotten }
    }

    /// Unwraps what was read since, and keeps it; at once for all who bring the same, by one call of the key service for each key
    /// that it wraps. Where the service refuses, none stay, and for a second it isn't asked again.
    pub async fn unwrap(self, stored: StoredKeys) -> Result<Arc<TenantKeys>, Unloaded> {
        let flight = self.ring.flights.join(self.tenant, stored, self.asked);
        let _turn = flight.turn.lock().await;
        if let Some((_, landed)) = flight.landed.get() {
            return landed.clone();
        }
        let landed = self.ring.unwrap(self.tenant, &flight.stored).await.map_err(Unloaded::from);
        match &landed {
            Ok(keys) => {
                self.ring.keep(self.asked, self.forgotten, keys.clone());
                self.ring.flights.leave(self.tenant, &flight);
            }
            Err(unloaded) if !unloaded.is_out_of_reach() => self.ring.refused(self.tenant, self.forgotten),
            Err(_) => {}
        }
        // Whoever lost its turn before this one left nothing here.
        let _first = flight.landed.set((self.asked, landed.clone()));
        landed
    }
}

redacted!(Loading<'_>);

/// What is being loaded, or failed just now.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<TenantId, Arc<Flight>>>);

type Landed = Result<Arc<TenantKeys>, Unloaded>;

/// One call of the key service, for all who brought the same. Whoever has the turn makes it; should they be gone, the next one does.
struct Flight {
    stored: StoredKeys,
    turn: Turn<()>,
    landed: OnceLock<(Duration, Landed)>,
}

impl Flights {
    fn join(&self, tenant: TenantId, stored: StoredKeys, now: Duration) -> Arc<Flight> {
        let mut flights = self.all();
        let known = flights.get(&tenant).filter(|flight| flight.stored == stored && flight.answers(now));
        if let Some(flight) = known {
            return flight.clone();
        }
        let flight = Arc::new(Flight { stored, turn: Turn::new(()), landed: OnceLock::new() });
        flights.insert(tenant, flight.clone());
        flight
    }

    fn leave(&self, tenant: TenantId, flight: &Arc<Flight>) {
        let mut flights = self.all();
        if flights.get(&tenant).is_some_and(|known| Arc::ptr_eq(known, flight)) {
            flights.remove(&tenant);
        }
    }

    /// Whoever asks from now on begins anew.
    pub(crate) fn forget(&self, tenant: TenantId) {
        self.all().remove(&tenant);
    }

    pub(crate) fn forget_all(&self) {
        self.all().clear();
    }

    /// Drops what nobody waits for and nobody is to be told.
    pub(crate) fn sweep(&self, now: Duration) {
        let under_way = |flight: &Arc<Flight>| match flight.landed.get() {
            Some(_) => flight.answers(now),
            None => Arc::strong_count(flight) > 1,
        };
        self.all().retain(|_, flight| under_way(flight));
    }

    fn all(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<Flight>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Whether it is under way, or failed just now. A clock set back ends the rest.
    fn answers(&self, now: Duration) -> bool {
        let rests = |at: Duration| now.checked_sub(at).is_some_and(|rested| rested < REST);
        self.landed.get().is_none_or(|(at, landed)| landed.is_err() && rests(*at))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ward_kernel::TenantId;

    use super::{Flights, REST, StoredKeys};
    use crate::{KeyError, KeyPurpose};

    #[test]
    fn a_sweep_leaves_what_somebody_waits_for_or_is_to_be_told() {
        let (flights, now) = (Flights::default(), Duration::ZERO);
        let join = || flights.join(TenantId::DEPLOYMENT, StoredKeys::default(), now);
        let left = |at| {
            flights.sweep(at);
            flights.all().len()
        };
        let flight = join();
        assert_eq!(left(now), 1, "somebody waits for it");
        let failed = KeyError::Missing(KeyPurpose::Tenant).into();
        assert!(flight.landed.set((now, Err(failed))).is_ok());
        drop(flight);
        assert_eq!(left(now + REST - Duration::from_nanos(1)), 1, "whoever asks is to be told");
        assert_eq!(left(now + REST), 0);
        drop(join());
        assert_eq!(left(now), 0, "nobody waits for it any more");
    }
}
