mod circuit;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use ward::crypto::{KeyService, ServiceError, TenantKey};
use ward::kernel::{Clock, TenantId};

use circuit::Circuit;

/// A [`KeyService`] that answers in time, whatever the one behind it does.
///
/// A call that takes too long is [`ServiceError::Unavailable`]; so is one beyond those that may be under way at once, when it has waited
/// as long. Where the service behind can't be reached several times in a row it is left alone for a while, and every call is
/// unavailable at once; then a single call tries it. What it answers, a refusal too, shows that it is there.
///
/// It remembers that nobody answered, and never what was answered.
pub struct Guarded {
    service: Arc<dyn KeyService>,
    deadline: Duration,
    room: Semaphore,
    circuit: Circuit,
}

/// How much a [`Guarded`] service may cost those who wait for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The longest that a call takes, the wait for its turn included.
    pub deadline: Duration,
    /// Calls under way at once; at least one.
    pub at_once: usize,
    /// So many calls in a row without an answer, at least one, and it is left alone.
    pub failures: u32,
    /// For so long.
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(5), at_once: 32, failures: 5, pause: Duration::from_secs(5) }
    }
}

/// Why a [`Guarded`] service says that the one behind it can't be reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Withheld {
    /// It was asked, and gave no answer in time.
    #[error("it gave no answer in time")]
    Late,
    /// It wasn't asked: others' calls took all the time there was.
    #[error("too many calls are under way")]
    Busy,
    /// It wasn't asked, since it couldn't be reached just now.
    #[error("it couldn't be reached, and is left alone for now")]
    Resting,
}

impl Guarded {
    /// Guards `service`.
    pub fn new(service: Arc<dyn KeyService>, limits: Limits, clock: Arc<dyn Clock>) -> Self {
        let room = Semaphore::new(limits.at_once.clamp(1, Semaphore::MAX_PERMITS));
        let circuit = Circuit::new(clock, limits.failures.max(1), limits.pause);
        Self { service, deadline: limits.deadline, room, circuit }
    }

    async fn guard<T>(&self, call: impl Future<Output = Result<T, ServiceError>>) -> Result<T, ServiceError> {
        if self.circuit.rests() {
            return Err(Withheld::Resting.into());
        }
        let begun = Instant::now();
        let Ok(Ok(_room)) = timeout(self.deadline, self.room.acquire()).await else {
            return Err(Withheld::Busy.into());
        };
        let left = self.deadline.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(Withheld::Busy.into());
        }
        let Some(leave) = self.circuit.enter() else { return Err(Withheld::Resting.into()) };
        let answer = timeout(left, call).await.unwrap_or_else(|_| Err(Withheld::Late.into()));
        leave.heard(!matches!(answer, Err(ServiceError::Unavailable(_))));
        answer
    }
}

#[async_trait]
impl KeyService for Guarded {
    async fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError> {
        self.guard(self.service.wrap(tenant, key)).await
    }

    async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError> {
        self.guard(self.service.unwrap(tenant, wrapped)).await
    }

    async fn check(&self) -> Result<(), ServiceError> {
        self.guard(self.service.check()).await
    }
}

impl From<Withheld> for ServiceError {
    fn from(withheld: Withheld) -> Self {
        Self::Unavailable(withheld.into())
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guarded(..)")
    }
}
