use async_trait::async_trait;
use ward_kernel::{StoreError, TenantId, Uuid};

/// Port: somebody else who collects logs.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Hands a batch over, and answers when all of it was taken. One that fails may have been taken all the same.
    async fn take(&self, batch: &Batch) -> Result<(), Untaken>;
}

/// Entries of one log, written one a line, in their order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Batch {
    /// Names these entries, whenever they are sent.
    pub id: String,
    /// The lines, without anything at their ends.
    pub lines: Vec<String>,
}

/// A sink didn't take a batch, or didn't say so.
#[derive(Debug, thiserror::Error)]
#[error("the batch wasn't taken")]
pub struct Untaken(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Port: the sinks that the unit's log is delivered to.
#[async_trait]
pub trait Sinks: Send {
    /// Has the log delivered from the entry in place `next` on, if it isn't yet.
    async fn add_sink(&mut self, name: &str, next: u64) -> Result<(), StoreError>;
}

/// A log on its way to a sink, by the hands of one replica.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// Whose log.
    pub tenant: TenantId,
    /// The sink's name.
    pub sink: &'a str,
    /// The replica, which is another after each start.
    pub holder: Uuid,
}

impl Delivery<'_> {
    /// How long one replica may take over a batch before another one does it.
    pub const HOLD_SECONDS: u32 = 30;
}

/// Who delivers a log to a sink.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Held {
    /// Whoever asked, for [`HOLD_SECONDS`](Delivery::HOLD_SECONDS), from this place on.
    From(u64),
    /// Another replica, which has come to this place.
    Elsewhere(u64),
    /// Nobody: the log has no such [sink](Sinks::add_sink).
    Nobody,
}

/// Port: how far logs were delivered.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Has one replica deliver, unless another does.
    async fn hold(&self, delivery: Delivery<'_>) -> Result<Held, StoreError>;

    /// Keeps that every entry before `next` was taken, for good, and has the same replica go on. Says whether it may.
    async fn advance(&self, delivery: Delivery<'_>, next: u64) -> Result<bool, StoreError>;

    /// Up to which place a log was delivered to a sink; nothing, where it has no such one.
    async fn delivered(&self, tenant: TenantId, sink: &str) -> Result<Option<u64>, StoreError>;
}
