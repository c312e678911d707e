use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use ward_audit::Event;
use ward_audit::note::{InvalidKey, NoteSigner as _, VerifierKey};
use ward_crypto::LogKey;
use ward_kernel::{Action, Operation, Requires, StoreError};

use crate::Unit;

/// A log's key was followed by another.
pub const LOG_KEY_ROTATED: Action = Action::new("audit.key_rotated");

/// Gives a log its next key.
pub static ROTATE_LOG_KEY: Operation = Operation {
    id: "rotateLogKey",
    requires: Requires::Job("operator"),
    events: &[LOG_KEY_ROTATED],
    writes: true,
    discloses: false,
    controls: &["A4", "C4"],
    rate: "job",
    idempotent: false,
};

/// Port: the keys of a tenant's log.
#[async_trait]
pub trait LogKeyStore: Send {
    /// Keeps a new key, beside which the one before signs `until` then.
    async fn add_log_key(&mut self, until: DateTime<Utc>) -> Result<LogKey, StoreError>;
}

/// Why a log has no new key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// The log's name can't be that of a key.
    #[error("the name of the log is not one that a key can have")]
    Name(#[from] InvalidKey),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives the log called `origin` its next key; both sign `until` then. The event, which goes into that log, names the key.
pub async fn rotate_log_key(
    unit: &mut dyn Unit,
    origin: &str,
    until: DateTime<Utc>,
) -> Result<(VerifierKey, Event), RotateError> {
    let key = unit.add_log_key(until).await?.signer(origin)?.key().clone();
    let event = Event::of(&ROTATE_LOG_KEY, LOG_KEY_ROTATED, unit.writer().tenant()).noting("key", &key);
    Ok((key, event.noting("both_until", until.to_rfc3339_opts(SecondsFormat::Millis, true))))
}
