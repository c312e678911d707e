//! Real randomness, a real keyed code, and keys kept in memory.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ward_identity::{ApiKey, ApiKeys, ApiKeysView, Creator, Format, Mint, NewApiKey, SecretDigest};
use ward_kernel::{ApiKeyId, Entropy, StoreError, UserId, Uuid};

pub(crate) struct Os;

impl Entropy for Os {
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "a test may")]
        getrandom::fill(bytes).unwrap();
    }
}

pub(crate) fn code(text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"a pepper").unwrap();
    mac.update(text);
    mac.finalize().into_bytes().into()
}

pub(crate) fn mint(format: &Format) -> Mint<'_> {
    Mint { format, entropy: &Os, code: &code }
}

pub(crate) fn format() -> Format {
    Format::new("wd", true).unwrap()
}

pub(crate) fn key(n: u128) -> ApiKeyId {
    Uuid::from_u128(n).into()
}

pub(crate) fn somebody() -> Creator {
    Creator::User(UserId::from(Uuid::from_u128(7)))
}

pub(crate) fn after(passed: TimeDelta) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + passed
}

pub(crate) fn now() -> DateTime<Utc> {
    after(TimeDelta::zero())
}

/// One tenant's keys. It counts what was written, so that a test can say that nothing was.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) keys: Vec<(ApiKey, SecretDigest)>,
    pub(crate) writes: usize,
    pub(crate) broken: bool,
}

impl Kept {
    pub(crate) fn of(&self, id: ApiKeyId) -> &ApiKey {
        &self.keys.iter().find(|(key, _)| key.id == id).unwrap().0
    }

    fn change(&mut self, id: ApiKeyId, what: impl Fn(&mut ApiKey)) -> Result<(), StoreError> {
        self.write()?;
        self.keys.iter_mut().filter(|(key, _)| key.id == id).for_each(|(key, _)| what(key));
        Ok(())
    }

    fn write(&mut self) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Poisoned);
        }
        self.writes += 1;
        Ok(())
    }
}

#[async_trait]
impl ApiKeys for Kept {
    async fn add(&mut self, new: &NewApiKey) -> Result<(), StoreError> {
        self.write()?;
        let (id, replaces) = (new.key.id, new.key.replaces);
        self.keys
            .iter_mut()
            .filter(|(key, _)| Some(key.id) == replaces)
            .for_each(|(key, _)| key.replaced_by = Some(id));
        self.keys.push((new.key.clone(), new.digest));
        Ok(())
    }

    async fn find(&mut self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.keys.iter().map(|(key, _)| key).find(|key| key.id == id).cloned())
    }

    async fn revoke(&mut self, id: ApiKeyId, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.change(id, |key| key.revoked_at = Some(at))
    }

    async fn expire(&mut self, id: ApiKeyId, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.change(id, |key| key.expires_at = Some(at))
    }
}

#[async_trait]
impl ApiKeysView for Kept {
    async fn list(&mut self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<ApiKey>, StoreError> {
        let later = self.keys.iter().map(|(key, _)| key).filter(|key| Some(key.id) > after);
        Ok(later.take(limit as usize).cloned().collect())
    }
}
