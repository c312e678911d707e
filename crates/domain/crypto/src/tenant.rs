use std::sync::Arc;

use chrono::{DateTime, Utc};
use ward_kernel::{Entropy, SubjectId, TenantId};

use crate::material::{Material, redacted};
use crate::sealed::{Header, Sealing};
use crate::subject::Committing;
use crate::tally::Tally;
use crate::versions::{Versions, newest_first};
use crate::wrapped::{confirm, unwrap, wrap, wrap_anew};
use crate::{
    DigestKey, IndexKey, KeyError, KeyId, KeyPurpose, KeyService, LaterKey, LedgerKey, LogKey, LogKeyring,
    SecretKey, SubjectKey, Suite, TenantKey, TokenKey, Turn, WrappedKey,
};

/// A tenant's keys, unwrapped: wiped when dropped, so kept no longer than a [`Keyring`](crate::Keyring) does.
///
/// Each but a subject's may have several versions: the newest that is [known](WrappedKey::known) serves for what is new, and the
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
    /// Makes all keys of a new tenant, for `suite`; those returned beside them are to be stored, every one.
    pub async fn create(
        tenant: TenantId,
        service: &dyn KeyService,
        suite: Suite,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Vec<WrappedKey>), KeyError> {
        let id = KeyPurpose::Tenant.first_id();
        let (own, wrapped) = make_own(tenant, service, (id, suite), &*entropy).await?;
        let mut stored = vec![wrapped];
        let wrapper = wrapper(tenant, id, &own, entropy);
        for purpose in KeyPurpose::SINGLE {
            let key = Material::random(suite, &*wrapper.entropy)?;
            stored.push(wrap(&wrapper, purpose.first_id(), purpose, None, &key)?);
        }
        Ok((Self::open(Versions::only(id, wrapper), &stored)?, stored))
    }

    /// Unwraps the keys stored for a tenant, all but its subjects': the service is asked once for each version of the tenant's own.
    pub async fn load(
        tenant: TenantId,
        service: &dyn KeyService,
        stored: &[WrappedKey],
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, KeyError> {
        Self::open(unwrapped(tenant, service, stored, entropy).await?, stored)
    }

    /// Whether the tenant was founded by a Ward that made fewer keys: then [`Self::complete`] makes the others.
    pub fn are_fewer(stored: &[WrappedKey]) -> bool {
        let has = |purpose: KeyPurpose| stored.iter().any(|key| key.purpose == purpose);
        has(KeyPurpose::Tenant) && !KeyPurpose::LATER.into_iter().all(has)
    }

    /// Unwraps the keys stored for a tenant as [`Self::load`] does, and makes those that it was founded too early to
    /// have; these are to be stored, every one, before anything is done with them. No other that is missing is made.
    ///
    /// Each has the least id that is above those of `stored`, so of two who complete the same keys one alone can store them.
    pub async fn complete(
        tenant: TenantId,
        service: &dyn KeyService,
        stored: &[WrappedKey],
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Vec<WrappedKey>), KeyError> {
        let wrappers = unwrapped(tenant, service, stored, entropy).await?;
        let wrapper = wrappers.current();
        let own = stored.iter().filter(|key| key.subject.is_none());
        let last = own.map(|key| u32::from(key.id)).max().unwrap_or_default();
        let mut all = stored.to_vec();
        let missing = |purpose: &KeyPurpose| !stored.iter().any(|key| key.purpose == *purpose);
        for (purpose, id) in KeyPurpose::LATER.into_iter().filter(missing).zip(last + 1..) {
            let key = Material::random(wrapper.header.suite, &*wrapper.entropy)?;
            all.push(wrap(wrapper, KeyId::from(id), purpose, None, &key)?);
        }
        let keys = Self::open(wrappers, &all)?;
        Ok((keys, all.split_off(stored.len())))
    }

    /// Makes a person's key under an `id` never used in this tenant, from [`KeyId::FIRST_SUBJECT`] on.
    pub fn make_subject_key(
        &self,
        id: KeyId,
        subject: SubjectId,
    ) -> Result<(SubjectKey, WrappedKey), KeyError> {
        let (key, wrapped) = self.make_person(self.wrapper().header.suite, id, subject)?;
        Ok((self.subject(id, &key, Vec::new()), wrapped))
    }

    /// Makes the key that follows a person's `old` one, under an `id` never used in this tenant: answers what seals values
    /// anew, the new key as it is to be stored, and what is to be stored in place of the old one.
    ///
    /// All that is under the old key is to be sealed anew in the transaction that stores the two.
    pub fn follow(&self, old: &WrappedKey, id: KeyId) -> Result<(Turn, [WrappedKey; 2]), KeyError> {
        let (subject, from) = (self.person(old)?, unwrap(&self.wrappers, old)?);
        let committing = Material::new(from.suite, from.derive(Committing::LABEL))?;
        let left = wrap(self.wrapper(), old.id, KeyPurpose::Commitment, Some(subject), &committing)?;
        let (new, wrapped) = self.make_person(from.suite, id, subject)?;
        let sealing =
            |id, key: &Material| SubjectKey::sealing(self.tenant(), id, key, self.wrapper().entropy.clone());
        Ok((Turn::new(sealing(old.id, &from), sealing(id, &new)), [wrapped, left]))
    }

    /// Unwraps a person's key; refuses any that was made for something else, or in another tenant. With what is `left` of those
    /// that it followed, it also confirms what they committed to.
    pub fn subject_key(&self, wrapped: &WrappedKey, left: &[WrappedKey]) -> Result<SubjectKey, KeyError> {
        let subject = self.person(wrapped)?;
        let followed = left.iter().map(|left| {
            let key = unwrap(&self.wrappers, left)?;
            if left.purpose != KeyPurpose::Commitment || left.subject != Some(subject) {
                return Err(KeyError::Broken(left.id));
            }
            Ok(Committing::new(Header { suite: key.suite, key: left.id }, key.octets()))
        });
        let followed = followed.collect::<Result<_, _>>()?;
        unwrap(&self.wrappers, wrapped).map(|key| self.subject(wrapped.id, &key, followed))
    }

    /// Makes the next version of the key for a `purpose`, under an `id` never used in this tenant and above those of the versions
    /// before. The log's has times of its own: [`make_log_key`](Self::make_log_key).
    pub fn make_version(&self, purpose: KeyPurpose, id: KeyId) -> Result<WrappedKey, KeyError> {
        if !KeyPurpose::SINGLE.contains(&purpose) || purpose == KeyPurpose::Log {
            return Err(KeyError::Reserved(id));
        }
        let key = Material::random(self.wrapper().header.suite, &*self.wrapper().entropy)?;
        wrap(self.wrapper(), id, purpose, None, &key)
    }

    /// Wraps a key under the current one of the tenant's own, if it is under an older one.
    pub fn rewrap(&self, wrapped: &WrappedKey) -> Result<Option<WrappedKey>, KeyError> {
        if wrapped.wrapped_by().is_none_or(|by| by == self.wrapper().header.key) {
            return Ok(None);
        }
        let key = unwrap(&self.wrappers, wrapped)?;
        wrap_anew(self.wrapper(), wrapped, &key).map(Some)
    }

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

    /// Makes the log's next key, under an `id` never used in this tenant and above those of the keys before. The one before signs
    /// beside it `until` then.
    pub fn make_log_key(&self, id: KeyId, until: DateTime<Utc>) -> Result<(LogKey, WrappedKey), KeyError> {
        let key = Material::random(self.wrapper().header.suite, &*self.wrapper().entropy)?;
        let wrapped = wrap(self.wrapper(), id, KeyPurpose::Log, None, &key)?;
        Ok((LogKey::new(&key), WrappedKey { until: Some(until), ..wrapped }))
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

    /// Refuses keys for purposes that aren't known here, unless they were wrapped for those.
    pub(crate) fn confirm(&self, later: &[LaterKey]) -> Result<(), KeyError> {
        later.iter().try_for_each(|key| confirm(&self.wrappers, key))
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

    fn person(&self, wrapped: &WrappedKey) -> Result<SubjectId, KeyError> {
        let subject = wrapped.subject.filter(|_| wrapped.purpose == KeyPurpose::Subject);
        subject.ok_or(KeyError::Broken(wrapped.id))
    }

    fn make_person(
        &self,
        suite: Suite,
        id: KeyId,
        subject: SubjectId,
    ) -> Result<(Material, WrappedKey), KeyError> {
        if id < KeyId::FIRST_SUBJECT {
            return Err(KeyError::Reserved(id));
        }
        let key = Material::random(suite, &*self.wrapper().entropy)?;
        let wrapped = wrap(self.wrapper(), id, KeyPurpose::Subject, Some(subject), &key)?;
        Ok((key, wrapped))
    }

    fn subject(&self, id: KeyId, key: &Material, followed: Vec<Committing>) -> SubjectKey {
        SubjectKey::new(self.tenant(), id, key, followed, self.wrapper().entropy.clone())
    }

    fn open(wrappers: Versions<Sealing>, stored: &[WrappedKey]) -> Result<Self, KeyError> {
        let (tenant, entropy) = (wrappers.current().tenant, &wrappers.current().entropy);
        let secret = |purpose| {
            let version = |wrapped: &WrappedKey| {
                let key = unwrap(&wrappers, wrapped)?;
                Ok(Sealing::new(tenant, wrapped.id, (&key, SecretKey::LABEL), entropy.clone()))
            };
            Versions::open(stored, purpose, version).map(SecretKey::new)
        };
        let digest = |purpose| {
            let version = |wrapped: &WrappedKey| Ok(DigestKey::version(&unwrap(&wrappers, wrapped)?));
            Versions::open(stored, purpose, version).map(DigestKey::new)
        };
        let index = |wrapped: &WrappedKey| Ok(IndexKey::version(&unwrap(&wrappers, wrapped)?));
        let index = Arc::new(IndexKey::new(Versions::open(stored, KeyPurpose::Index, index)?));
        let ledger = |wrapped: &WrappedKey| Ok(LedgerKey::version(&unwrap(&wrappers, wrapped)?));
        let ledger = LedgerKey::new(Versions::open(stored, KeyPurpose::Index, ledger)?);
        let (audit, idempotency) = (secret(KeyPurpose::Audit)?, secret(KeyPurpose::Idempotency)?);
        let (leaf, request) = (digest(KeyPurpose::Audit)?, digest(KeyPurpose::Idempotency)?);
        let logs = newest_first(stored, KeyPurpose::Log)?.into_iter();
        let logs = logs.map(|key| Ok((LogKey::new(&unwrap(&wrappers, key)?), key.until)));
        let log = LogKeyring::new(logs.collect::<Result<_, KeyError>>()?);
        let queue = secret(KeyPurpose::Queue)?;
        let (api_key, import) = (digest(KeyPurpose::ApiKey)?, digest(KeyPurpose::Import)?);
        let token = |wrapped: &WrappedKey| Ok(TokenKey::version(&unwrap(&wrappers, wrapped)?));
        let token = TokenKey::new(tenant, Versions::open(stored, KeyPurpose::Token, token)?);
        let tally = None;
        Ok(Self {
            wrappers,
            index,
            ledger,
            audit,
            leaf,
            log,
            idempotency,
            request,
            queue,
            api_key,
            import,
            token,
            tally,
        })
    }
}

redacted!(TenantKeys);

/// Makes a key of the tenant's own, wrapped by the service, which must give it back: what it couldn't unwrap would close the tenant for good.
pub(crate) async fn make_own(
    tenant: TenantId,
    service: &dyn KeyService,
    (id, suite): (KeyId, Suite),
    entropy: &dyn Entropy,
) -> Result<(TenantKey, WrappedKey), KeyError> {
    let own = TenantKey(Material::random(suite, entropy)?);
    let (commitment, bytes) = (own.0.commitment(), service.wrap(tenant, &own).await?);
    if !service.unwrap(tenant, &bytes).await?.0.is_that_of(&commitment) {
        return Err(KeyError::Broken(id));
    }
    let purpose = KeyPurpose::Tenant;
    Ok((own, WrappedKey { id, purpose, subject: None, bytes, commitment, until: None, known: false }))
}

fn wrapper(tenant: TenantId, id: KeyId, own: &TenantKey, entropy: Arc<dyn Entropy>) -> Sealing {
    Sealing::new(tenant, id, (&own.0, b"ward v1 wrap"), entropy)
}

/// What the tenant's own keys wrap and unwrap with, once `service` has unwrapped them.
async fn unwrapped(
    tenant: TenantId,
    service: &dyn KeyService,
    stored: &[WrappedKey],
    entropy: Arc<dyn Entropy>,
) -> Result<Versions<Sealing>, KeyError> {
    let mut own = Vec::new();
    for wrapped in newest_first(stored, KeyPurpose::Tenant)? {
        let key = service.unwrap(tenant, &wrapped.bytes).await?;
        if !key.0.is_that_of(&wrapped.commitment) {
            return Err(KeyError::Broken(wrapped.id));
        }
        own.push((wrapped.id, key));
    }
    Versions::open(stored, KeyPurpose::Tenant, |wrapped| {
        let own = own.iter().find(|(id, _)| *id == wrapped.id);
        let (id, key) = own.ok_or(KeyError::Broken(wrapped.id))?;
        Ok(wrapper(tenant, *id, key, entropy.clone()))
    })
}
