mod founding;
mod opening;
mod person;
mod rotation;

use std::sync::Arc;

use ward_kernel::TenantId;

use crate::material::redacted;
use crate::sealed::Sealing;
use crate::tally::Tally;
use crate::versions::Versions;
use crate::{DigestKey, IndexKey, KeyId, LedgerKey, LogKeyring, SecretKey, Suite, TokenKey};

pub(crate) use founding::make_own;

/// A tenant's keys, unwrapped: wiped when dropped, so kept no longer than a [`Keyring`](crate::Keyring) does.
///
/// Each but a subject's may have several versions: the newest that is [known](crate::WrappedKey::known) serves for what is new, and the
/// others for what names them.
pub struct TenantKeys {
    wrappers: Versions<Sealing>,
    index: Arc<IndexKey>,
    ledger: LedgerKey,
    audit: SecretKey,
    leaf: DigestKey,
    log: LogKeyring,
    idempotency: SecretKey,
    request: DigestKey,
    queue: SecretKey,
    api_key: DigestKey,
    import: DigestKey,
    token: TokenKey,
    /// Where it is counted what they seal, if whoever lends them asked for that.
    tally: Option<Arc<Tally>>,
}

impl Drop for TenantKeys {
    fn drop(&mut self) {
        self.tell();
    }
}

impl TenantKeys {
    /// Whose they are.
    pub fn tenant(&self) -> TenantId {
        self.wrapper().tenant
    }

    /// The cipher that the tenant's keys are for.
    pub fn suite(&self) -> Suite {
        self.wrapper().header.suite
    }

    /// Which of the tenant's own keys wraps what is new.
    pub fn own(&self) -> KeyId {
        self.wrapper().header.key
    }

    /// Blind indexes.
    pub fn index(&self) -> Arc<IndexKey> {
        self.index.clone()
    }

    /// Codes of what is kept outside of the database, to be believed when it is read again: those of [`TenantId::DEPLOYMENT`].
    pub fn ledger(&self) -> &LedgerKey {
        &self.ledger
    }

    /// What is personal of those who act: where their requests come from, beside the audit log, and who is in charge.
    pub fn audit(&self) -> &SecretKey {
        &self.audit
    }

    /// Codes that guard leaves of the audit log until they have a place.
    pub fn leaf(&self) -> &DigestKey {
        &self.leaf
    }

    /// Those that sign, or signed, the heads of the audit log.
    pub fn log(&self) -> &LogKeyring {
        &self.log
    }

    /// Stored answers of idempotent requests.
    pub fn idempotency(&self) -> &SecretKey {
        &self.idempotency
    }

    /// Digests of idempotent requests.
    pub fn request(&self) -> &DigestKey {
        &self.request
    }

    /// Payloads of background work.
    pub fn queue(&self) -> &SecretKey {
        &self.queue
    }

    /// Digests of API keys. A key is looked up before its tenant is known: under those of
    /// [`TenantId::DEPLOYMENT`].
    pub fn api_key(&self) -> &DigestKey {
        &self.api_key
    }

    /// Digests of imported rows.
    pub fn import(&self) -> &DigestKey {
        &self.import
    }

    /// Tokens that travel in links.
    pub fn token(&self) -> &TokenKey {
        &self.token
    }

    /// A key that sealed so much that it must seal nothing more but what has another follow it; whoever lends these keys asks for it first.
    pub fn spent(&self) -> Option<KeyId> {
        let mut current = std::iter::once(self.wrapper()).chain(self.secrets().map(SecretKey::current));
        current.find(|key| key.is_spent()).map(|key| key.header.key)
    }

    /// The same, counting on from what was `sealed` before.
    pub(crate) fn counted_in(mut self, tally: Arc<Tally>, sealed: &[(KeyId, u64)]) -> Self {
        let before = |key: &Sealing| sealed.iter().find(|(id, _)| *id == key.header.key);
        self.counted().for_each(|key| key.go_on_from(before(key).map_or(0, |(_, messages)| *messages)));
        self.tally = Some(tally);
        self
    }

    /// Adds what was sealed since to what was counted.
    pub(crate) fn tell(&self) {
        let Some(tally) = &self.tally else { return };
        self.counted().for_each(|key| key.tell(tally));
    }

    /// All that seals but people's keys.
    fn counted(&self) -> impl Iterator<Item = &Sealing> {
        self.wrappers.all().chain(self.secrets().flat_map(SecretKey::all))
    }

    fn secrets(&self) -> impl Iterator<Item = &SecretKey> {
        [&self.audit, &self.idempotency, &self.queue].into_iter()
    }

    pub(crate) fn wrapper(&self) -> &Sealing {
        self.wrappers.current()
    }
}

redacted!(TenantKeys);
