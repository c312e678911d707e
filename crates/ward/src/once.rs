use async_trait::async_trait;
use ward_kernel::StoreError;

/// A request that must have its effect once only, however often it is sent
/// ([Idempotency-Key](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
#[derive(Clone, Copy, Debug)]
pub struct Once {
    /// The digest of the operation and the client's key. It counts within the tenant and the actor.
    pub key: [u8; 32],
    /// The digest of what was asked.
    pub request: [u8; 32],
}

/// What an earlier request with the same key came to.
#[derive(Debug)]
pub enum Earlier {
    /// There was none: go on, and [`keep`](Answers::keep) the answer.
    None,
    /// It was answered so.
    Answered(Vec<u8>),
    /// It asked for something else.
    Different,
    /// It is still under way.
    InFlight,
}

/// Port: the answers given before, sealed. They live and die with the unit's effects.
#[async_trait]
pub trait Answers: Send {
    /// Claims `once` for this unit, or says what came of it before. Waits for a unit that was just dropped, a
    /// tenth of a second at most, and for no other.
    async fn claim(&mut self, once: &Once) -> Result<Earlier, StoreError>;

    /// Keeps `answer` beside the effects of this unit.
    async fn keep(&mut self, once: &Once, answer: &[u8]) -> Result<(), StoreError>;

    /// Forgets the answers older than a day, at most `most` of them, and says how many there were.
    async fn forget(&mut self, most: u32) -> Result<u64, StoreError>;
}
