use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ward_kernel::TenantId;

use crate::{KeyId, Keyring};

/// How many messages were sealed under which key of which tenant, since somebody last took the counts.
#[derive(Default)]
pub(crate) struct Tally(Mutex<HashMap<(TenantId, KeyId), u64>>);

impl Tally {
    pub(crate) fn add(&self, tenant: TenantId, key: KeyId, messages: u64) {
        if messages > 0 {
            let mut counted = self.counted();
            let count = counted.entry((tenant, key)).or_default();
            *count = count.saturating_add(messages);
        }
    }

    fn take(&self) -> Vec<Sealings> {
        let counted = std::mem::take(&mut *self.counted());
        counted.into_iter().map(|((tenant, key), messages)| Sealings { tenant, key, messages }).collect()
    }

    fn counted(&self) -> MutexGuard<'_, HashMap<(TenantId, KeyId), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many messages were sealed under a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sealings {
    /// Whose key.
    pub tenant: TenantId,
    /// Which of theirs.
    pub key: KeyId,
    /// How many since they were last counted.
    pub messages: u64,
}

impl Keyring {
    /// The most messages under one key of AES-256-GCM, whose nonces of 96 bits are random: half of what
    /// [NIST SP 800-38D](https://doi.org/10.6028/NIST.SP.800-38D), section 8.3, allows, so that what a process that died never told has room.
    pub const MOST_MESSAGES: u64 = 1 << 31;

    /// From so many on a key is [spent](crate::TenantKeys::spent): three quarters of what the same section allows. The last quarter is for what
    /// replicas sealed and haven't told, and for the work that has another key follow it. At 2³² the cipher itself seals no more.
    pub const LAST_MESSAGES: u64 = 3 << 30;

    /// How many messages were sealed with AES-256-GCM by what this ring lent, since this was last asked. To be stored, or to be
    /// [given back](Self::give_back).
    ///
    /// Counts the tenant's own key and those for its purposes. What a person's key seals is a change to that person each.
    pub fn take_sealings(&self) -> Vec<Sealings> {
        let kept: Vec<_> = self.held().tenants.values().map(|(_, keys)| Arc::clone(keys)).collect();
        kept.iter().for_each(|keys| keys.tell());
        self.tally.take()
    }

    /// Counts again what could not be stored.
    pub fn give_back(&self, sealings: &[Sealings]) {
        sealings.iter().for_each(|of| self.tally.add(of.tenant, of.key, of.messages));
    }
}
