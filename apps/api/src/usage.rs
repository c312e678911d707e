//! When keys were last used: noted in memory, written together every half a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use ward::Credentials;
use ward::kernel::{ApiKeyId, StoreError};

const MOST: usize = 10_000;

/// The keys used since the last time they were written.
#[derive(Debug, Default)]
pub(crate) struct Usage(Mutex<HashMap<ApiKeyId, DateTime<Utc>>>);

impl Usage {
    /// Notes a use; beyond ten thousand keys, the rest waits for its next use.
    pub(crate) fn note(&self, key: ApiKeyId, at: DateTime<Utc>) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() < MOST || used.contains_key(&key) {
            used.insert(key, at);
        }
    }

    /// Writes what was noted; what can't be written is lost, and is no more than a hint.
    pub(crate) async fn write(&self, to: &dyn Credentials) -> Result<(), StoreError> {
        let used = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if used.is_empty() { Ok(()) } else { to.used(&used.into_iter().collect::<Vec<_>>()).await }
    }
}
