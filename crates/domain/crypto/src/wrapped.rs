use std::fmt;

use chrono::{DateTime, Utc};
use ward_kernel::{SubjectId, Uuid};

use crate::material::Material;
use crate::sealed::{Sealed, Sealing};
use crate::service::KeyError;
use crate::versions::Versions;

/// Which of a tenant's keys. An id means one key for good: it is never given again, not even when the key is
/// destroyed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId(u32);

impl KeyId {
    /// The first id free for subjects; those below are for the keys that a tenant is made with.
    pub const FIRST_SUBJECT: Self = Self(64);
}

impl From<u32> for KeyId {
    fn from(id: u32) -> Self {
        Self(id)
    }
}

impl From<KeyId> for u32 {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a key is for; one made for a purpose serves no other.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum KeyPurpose {
    /// Wraps the tenant's other keys.
    Tenant,
    /// Seals one person's values.
    Subject,
    /// Blind indexes.
    Index,
    /// What is personal of those who act.
    Audit,
    /// Stored answers of idempotent requests.
    Idempotency,
    /// Payloads of background work.
    Queue,
    /// Digests of API keys.
    ApiKey,
    /// Digests of imported rows.
    Import,
    /// Signs the heads of the tenant's audit log.
    Log,
    /// Signs tokens that travel in links.
    Token,
    /// What stays of a subject's key that another followed: it checks commitments made under it, and opens nothing.
    Commitment,
}

impl KeyPurpose {
    /// Those that a tenant has one key for, beside its own.
    pub(crate) const SINGLE: [Self; 8] = [
        Self::Index,
        Self::Audit,
        Self::Idempotency,
        Self::Queue,
        Self::ApiKey,
        Self::Import,
        Self::Log,
        Self::Token,
    ];

    /// Those of them that a tenant may have been founded without, by a Ward that didn't know them yet.
    pub(crate) const LATER: [Self; 1] = [Self::Token];

    const ALL: [Self; 11] = [
        Self::Tenant,
        Self::Subject,
        Self::Index,
        Self::Audit,
        Self::Idempotency,
        Self::Queue,
        Self::ApiKey,
        Self::Import,
        Self::Log,
        Self::Token,
        Self::Commitment,
    ];

    /// The id of the key that a tenant is made with.
    pub(crate) fn first_id(self) -> KeyId {
        KeyId(self as u32 + 1)
    }

    /// The word stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Subject => "subject",
            Self::Index => "index",
            Self::Audit => "audit",
            Self::Idempotency => "idempotency",
            Self::Queue => "queue",
            Self::ApiKey => "api_key",
            Self::Import => "import",
            Self::Log => "log",
            Self::Token => "token",
            Self::Commitment => "commitment",
        }
    }

    /// The purpose stored as `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == word)
    }
}

/// A key as the database stores it. The tenant's is wrapped by the [`KeyService`](crate::KeyService), every
/// other by the tenant's.
///
/// ```text
/// bytes      = version ‖ suite ‖ wrapping key's id ‖ nonce ‖ AEAD(W, nonce, ad, suite of the key ‖ key)
/// ad         = lp(version) ‖ lp(suite) ‖ lp(wrapping key's id) ‖ lp(tenant) ‖ lp("ward v1 key") ‖ lp(purpose) ‖ lp(id) ‖ lp(subject)
/// W          = HKDF-Expand(tenant key, "ward v1 wrap", 32)
/// commitment = HKDF-Expand(key, "ward v1 key commitment " ‖ suite of the key, 32)
/// ```
///
/// The commitment is compared whenever the key is unwrapped: neither cipher commits to its key, so without it
/// one sealed value could open under two keys as two texts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WrappedKey {
    /// Which key.
    pub id: KeyId,
    /// What for.
    pub purpose: KeyPurpose,
    /// Whose, if it is a subject's.
    pub subject: Option<SubjectId>,
    /// The key, wrapped. Removing these bytes everywhere destroys the key.
    pub bytes: Vec<u8>,
    /// What only this key commits to. It shows nothing of the key, and outlives it.
    pub commitment: [u8; 32],
    /// Until when the log's key before this one signs beside it.
    pub until: Option<DateTime<Utc>>,
    /// Whether it was stored so long ago, [`Keyring::LONGEST`](crate::Keyring::LONGEST), that whoever keeps the tenant's keys
    /// has it. Until then the version before it serves for what is new.
    pub known: bool,
}

impl WrappedKey {
    /// Which of the tenant's own keys wraps it; nothing for those themselves.
    pub fn wrapped_by(&self) -> Option<KeyId> {
        let sealed = Sealed::parse(&self.bytes).ok().filter(|_| self.purpose != KeyPurpose::Tenant);
        sealed.map(|sealed| sealed.key())
    }
}

/// A key for a purpose that this Ward doesn't know, as a later one beside it stores it. Nothing here uses it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LaterKey {
    /// Which key.
    pub id: KeyId,
    /// The word stored.
    pub purpose: String,
    /// The key, wrapped.
    pub bytes: Vec<u8>,
    /// What only this key commits to.
    pub commitment: [u8; 32],
}

/// Wraps `key` under the tenant's.
pub(crate) fn wrap(
    wrapper: &Sealing,
    id: KeyId,
    purpose: KeyPurpose,
    subject: Option<SubjectId>,
    key: &Material,
) -> Result<WrappedKey, KeyError> {
    let (bytes, commitment) = (Vec::new(), key.commitment());
    let new = WrappedKey { id, purpose, subject, bytes, commitment, until: None, known: false };
    wrap_anew(wrapper, &new, key)
}

/// Wraps `key` under the tenant's as what `wrapped` says that it is; it committed to itself before.
pub(crate) fn wrap_anew(
    wrapper: &Sealing,
    wrapped: &WrappedKey,
    key: &Material,
) -> Result<WrappedKey, KeyError> {
    let ad = bound_to(wrapper, wrapped.id, wrapped.purpose.as_str(), wrapped.subject);
    let bytes = wrapper.seal(&ad, &key.to_clear()).map_err(|_| KeyError::Broken(wrapped.id))?;
    Ok(WrappedKey { bytes, ..*wrapped })
}

/// Unwraps what [`wrap`] wrapped, for the same tenant, id, purpose and subject, under whichever of the tenant's keys.
pub(crate) fn unwrap(wrappers: &Versions<Sealing>, wrapped: &WrappedKey) -> Result<Material, KeyError> {
    let WrappedKey { id, purpose, subject, bytes, commitment, .. } = wrapped;
    opened(wrappers, (*id, purpose.as_str(), *subject), bytes, commitment)
}

/// Refuses a key that no Ward wrapped for the purpose under whose word it is stored: a key of another word that is known here, say.
pub(crate) fn confirm(wrappers: &Versions<Sealing>, later: &LaterKey) -> Result<(), KeyError> {
    opened(wrappers, (later.id, &later.purpose, None), &later.bytes, &later.commitment).map(drop)
}

fn opened(
    wrappers: &Versions<Sealing>,
    (id, purpose, subject): (KeyId, &str, Option<SubjectId>),
    bytes: &[u8],
    commitment: &[u8; 32],
) -> Result<Material, KeyError> {
    let broken = || KeyError::Broken(id);
    let sealed = Sealed::parse(bytes).map_err(|_| broken())?;
    let wrapper = wrappers.of(sealed.key()).ok_or_else(broken)?;
    let ad = bound_to(wrapper, id, purpose, subject);
    let clear = wrapper.open(&ad, sealed).ok_or_else(broken)?;
    let key = Material::from_clear(&clear).map_err(|_| broken())?;
    if key.is_that_of(commitment) { Ok(key) } else { Err(broken()) }
}

fn bound_to(wrapper: &Sealing, id: KeyId, purpose: &str, subject: Option<SubjectId>) -> Vec<u8> {
    let subject = subject.map(Uuid::from);
    wrapper.header.bound(
        wrapper.tenant,
        [
            b"ward v1 key",
            purpose.as_bytes(),
            &u32::from(id).to_be_bytes(),
            subject.as_ref().map_or(&[], |subject| subject.as_bytes()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::executor::block_on;
    use ward_kernel::{Clock, Entropy, TenantId};

    use super::*;
    use crate::{Keyring, LocalKeys, RootKey, StoredKeys, Suite};

    const LATER: &str = "consent";

    struct Os;

    impl Entropy for Os {
        #[expect(clippy::disallowed_methods, reason = "this is the source")]
        fn fill(&self, bytes: &mut [u8]) {
            getrandom::fill(bytes).unwrap();
        }
    }

    impl Clock for Os {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }
    }

    /// A ring, and what a later Ward stored for a tenant.
    fn upgraded(tenant: TenantId) -> (Keyring, StoredKeys) {
        let service = Arc::new(LocalKeys::new(RootKey::random(&Os).unwrap(), Arc::new(Os)));
        let ring = Keyring::new(service, Arc::new(Os), Arc::new(Os), Keyring::LONGEST, 1).unwrap();
        let (keys, stored) = block_on(ring.create(tenant, Suite::default())).unwrap();
        let (id, key) = (KeyId(20), Material::random(Suite::default(), &Os).unwrap());
        let ad = bound_to(keys.wrapper(), id, LATER, None);
        let bytes = keys.wrapper().seal(&ad, &key.to_clear()).unwrap();
        let later = LaterKey { id, purpose: LATER.into(), bytes, commitment: key.commitment() };
        (ring, StoredKeys { keys: stored, later: vec![later], ..StoredKeys::default() })
    }

    #[test]
    fn a_key_of_a_purpose_of_tomorrow_keeps_no_tenant_closed_and_one_of_today_s_under_another_word_does() {
        let tenant = TenantId::fixed(Uuid::from_u128(1));
        let (ring, stored) = upgraded(tenant);
        let later = stored.later[0].clone();
        let loads = |stored: StoredKeys| block_on(ring.loading(tenant).unwrap(stored)).is_ok();
        assert!(loads(stored.clone()));
        ring.forget(tenant);

        let mut broken = vec![
            LaterKey { purpose: "consents".into(), ..later.clone() },
            LaterKey { id: KeyId(21), ..later.clone() },
            LaterKey { commitment: [7; 32], ..later.clone() },
            LaterKey { bytes: Vec::new(), ..later.clone() },
        ];
        for key in &stored.keys {
            let WrappedKey { id, bytes, commitment, .. } = key.clone();
            broken.push(LaterKey { id, purpose: LATER.into(), bytes, commitment });
        }
        for broken in broken {
            let told = format!("{broken:?}");
            let stored = StoredKeys { later: vec![later.clone(), broken], ..stored.clone() };
            assert!(!loads(stored) && ring.cached(tenant).is_none(), "{told}");
        }
        assert!(block_on(ring.complete(tenant, &stored)).is_err(), "whoever made it made those before it");
    }
}
