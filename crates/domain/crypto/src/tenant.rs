use std::cmp::Reverse;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ward_kernel::{Entropy, SubjectId, TenantId};

use crate::material::{Material, redacted};
use crate::sealed::Sealing;
use crate::suite::Cipher;
use crate::wrapped::{unwrap, wrap};
use crate::{
    DigestKey, IndexKey, KeyError, KeyId, KeyPurpose, KeyService, LogKey, LogKeyring, SecretKey, SubjectKey,
    Suite, TenantKey, TokenKey, WrappedKey,
};

/// A tenant's keys, unwrapped: wiped when dropped, so kept no longer than a [`Keyring`](crate::Keyring) does.
pub struct TenantKeys {
    wrapper: Sealing,
    index: Arc<IndexKey>,
    audit: SecretKey,
    leaf: DigestKey,
    log: LogKeyring,
    idempotency: SecretKey,
    request: DigestKey,
    queue: SecretKey,
    api_key: DigestKey,
    import: DigestKey,
    token: TokenKey,
}

impl TenantKeys {
    /// Makes all keys of a new tenant, for `suite`; those returned beside them are to be stored, every one.
    pub async fn create(
        tenant: TenantId,
        service: &dyn KeyService,
        suite: Suite,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Vec<WrappedKey>), KeyError> {
        let own = TenantKey(Material::random(suite, &*entropy)?);
        let (id, commitment) = (KeyPurpose::Tenant.first_id(), own.0.commitment());
        let bytes = service.wrap(tenant, &own).await?;
        let mut stored = vec![WrappedKey {
            id,
            purpose: KeyPurpose::Tenant,
            subject: None,
            bytes,
            commitment,
            until: None,
        }];
        let wrapper = wrapper(tenant, id, &own, entropy);
        for purpose in KeyPurpose::SINGLE {
            let key = Material::random(suite, &*wrapper.entropy)?;
            stored.push(wrap(&wrapper, purpose.first_id(), purpose, None, &key)?);
        }
        Ok((Self::open(wrapper, &stored)?, stored))
    }

    /// Unwraps the keys stored for a tenant, all but its subjects'.
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
        let wrapper = unwrapped(tenant, service, stored, entropy).await?;
        let last = stored.iter().map(|key| key.id).filter(|id| *id < KeyId::FIRST_SUBJECT).max();
        let mut all = stored.to_vec();
        let missing = |purpose: &KeyPurpose| !stored.iter().any(|key| key.purpose == *purpose);
        let ids = (last.map_or(1, |last| u32::from(last) + 1)..).map(KeyId::from);
        for (purpose, id) in KeyPurpose::LATER.into_iter().filter(missing).zip(ids) {
            if id >= KeyId::FIRST_SUBJECT {
                return Err(KeyError::Reserved(id));
            }
            let key = Material::random(wrapper.suite, &*wrapper.entropy)?;
            all.push(wrap(&wrapper, id, purpose, None, &key)?);
        }
        let keys = Self::open(wrapper, &all)?;
        Ok((keys, all.split_off(stored.len())))
    }

    /// Makes a person's key under an `id` never used in this tenant, from [`KeyId::FIRST_SUBJECT`] on.
    pub fn make_subject_key(
        &self,
        id: KeyId,
        subject: SubjectId,
    ) -> Result<(SubjectKey, WrappedKey), KeyError> {
        if id < KeyId::FIRST_SUBJECT {
            return Err(KeyError::Reserved(id));
        }
        let key = Material::random(self.wrapper.suite, &*self.wrapper.entropy)?;
        let wrapped = wrap(&self.wrapper, id, KeyPurpose::Subject, Some(subject), &key)?;
        Ok((self.subject(id, &key), wrapped))
    }

    /// Unwraps a person's key; refuses any that was made for something else, or in another tenant.
    pub fn subject_key(&self, wrapped: &WrappedKey) -> Result<SubjectKey, KeyError> {
        if wrapped.purpose != KeyPurpose::Subject || wrapped.subject.is_none() {
            return Err(KeyError::Broken(wrapped.id));
        }
        unwrap(&self.wrapper, wrapped).map(|key| self.subject(wrapped.id, &key))
    }

    /// Whose they are.
    pub fn tenant(&self) -> TenantId {
        self.wrapper.tenant
    }

    /// Blind indexes.
    pub fn index(&self) -> Arc<IndexKey> {
        self.index.clone()
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

    /// Makes the log's next key, under an `id` never used in this tenant, below [`KeyId::FIRST_SUBJECT`]. The one before signs beside it
    /// `until` then.
    pub fn make_log_key(&self, id: KeyId, until: DateTime<Utc>) -> Result<(LogKey, WrappedKey), KeyError> {
        if id >= KeyId::FIRST_SUBJECT {
            return Err(KeyError::Reserved(id));
        }
        let key = Material::random(self.wrapper.suite, &*self.wrapper.entropy)?;
        let wrapped = wrap(&self.wrapper, id, KeyPurpose::Log, None, &key)?;
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

    fn subject(&self, id: KeyId, key: &Material) -> SubjectKey {
        SubjectKey::new(self.wrapper.tenant, id, key, self.wrapper.entropy.clone())
    }

    fn open(wrapper: Sealing, stored: &[WrappedKey]) -> Result<Self, KeyError> {
        let key = |purpose| {
            let wrapped = single(stored, purpose)?;
            Ok::<_, KeyError>((wrapped.id, unwrap(&wrapper, wrapped)?))
        };
        let secret = |purpose| {
            let (id, key) = key(purpose)?;
            Ok::<_, KeyError>(SecretKey::new(wrapper.tenant, id, &key, wrapper.entropy.clone()))
        };
        let digest = |purpose| key(purpose).map(|(_, key)| DigestKey::new(&key));
        let index = Arc::new(IndexKey::new(&key(KeyPurpose::Index)?.1));
        let (audit, idempotency) = (secret(KeyPurpose::Audit)?, secret(KeyPurpose::Idempotency)?);
        let (leaf, request) = (digest(KeyPurpose::Audit)?, digest(KeyPurpose::Idempotency)?);
        let mut logs: Vec<_> = stored.iter().filter(|key| key.purpose == KeyPurpose::Log).collect();
        logs.sort_by_key(|key| Reverse(key.id));
        if !logs.is_sorted_by(|newer, older| newer.id > older.id) {
            return Err(KeyError::Twice(KeyPurpose::Log));
        }
        let log = |key: &&WrappedKey| Ok::<_, KeyError>((LogKey::new(&unwrap(&wrapper, key)?), key.until));
        let log = LogKeyring::new(logs.iter().map(log).collect::<Result<_, _>>()?);
        let log = log.ok_or(KeyError::Missing(KeyPurpose::Log))?;
        let queue = secret(KeyPurpose::Queue)?;
        let (api_key, import) = (digest(KeyPurpose::ApiKey)?, digest(KeyPurpose::Import)?);
        let (id, token) = key(KeyPurpose::Token)?;
        let token = TokenKey::new(wrapper.tenant, id, &token);
        Ok(Self { wrapper, index, audit, leaf, log, idempotency, request, queue, api_key, import, token })
    }
}

redacted!(TenantKeys);

fn wrapper(tenant: TenantId, id: KeyId, own: &TenantKey, entropy: Arc<dyn Entropy>) -> Sealing {
    let cipher = Cipher::new(own.0.suite, &own.0.derive(b"ward v1 wrap"));
    Sealing { tenant, id, suite: own.0.suite, cipher, entropy }
}

/// What the tenant's own key wraps and unwraps with, once `service` has unwrapped it.
async fn unwrapped(
    tenant: TenantId,
    service: &dyn KeyService,
    stored: &[WrappedKey],
    entropy: Arc<dyn Entropy>,
) -> Result<Sealing, KeyError> {
    let wrapped = single(stored, KeyPurpose::Tenant)?;
    let own = service.unwrap(tenant, &wrapped.bytes).await?;
    if !own.0.is_that_of(&wrapped.commitment) {
        return Err(KeyError::Broken(wrapped.id));
    }
    Ok(wrapper(tenant, wrapped.id, &own, entropy))
}

fn single(stored: &[WrappedKey], purpose: KeyPurpose) -> Result<&WrappedKey, KeyError> {
    let mut found = stored.iter().filter(|key| key.purpose == purpose);
    match (found.next(), found.next()) {
        (Some(key), None) => Ok(key),
        (None, _) => Err(KeyError::Missing(purpose)),
        (Some(_), Some(_)) => Err(KeyError::Twice(purpose)),
    }
}
