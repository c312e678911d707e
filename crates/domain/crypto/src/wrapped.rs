use chrono::{DateTime, Utc};
use ward_kernel::{SubjectId, Uuid};

use crate::material::Material;
use crate::sealed::{Sealed, Sealing};
use crate::service::KeyError;
use crate::versions::Versions;
use crate::{KeyId, KeyPurpose};

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
        wrapper_of(&self.bytes).filter(|_| self.purpose != KeyPurpose::Tenant)
    }
}

/// A key for a purpose that this Ward doesn't know, as a later one beside it stores it. Nothing here uses it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LaterKey {
    /// Which key.
    pub id: KeyId,
    /// The word stored.
    pub purpose: String,
    /// Whose, if it is a subject's.
    pub subject: Option<SubjectId>,
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
    let bytes = sealed(wrapper, (wrapped.id, wrapped.purpose.as_str(), wrapped.subject), key)?;
    Ok(WrappedKey { bytes, ..*wrapped })
}

/// Wraps a key under the newest of `wrappers` for what it was wrapped for, if it is under an older one.
pub(crate) fn wrap_later_anew(
    wrappers: &Versions<Sealing>,
    later: &LaterKey,
) -> Result<Option<LaterKey>, KeyError> {
    let (wrapper, key) = (wrappers.current(), confirm(wrappers, later)?);
    if wrapper_of(&later.bytes) == Some(wrapper.header.key) {
        return Ok(None);
    }
    let bytes = sealed(wrapper, (later.id, &later.purpose, later.subject), &key)?;
    Ok(Some(LaterKey { bytes, ..later.clone() }))
}

/// Unwraps what [`wrap`] wrapped, for the same tenant, id, purpose and subject, under whichever of the tenant's keys.
pub(crate) fn unwrap(wrappers: &Versions<Sealing>, wrapped: &WrappedKey) -> Result<Material, KeyError> {
    let WrappedKey { id, purpose, subject, bytes, commitment, .. } = wrapped;
    opened(wrappers, (*id, purpose.as_str(), *subject), bytes, commitment)
}

/// Refuses a key that no Ward wrapped for the purpose under whose word it is stored: a key of another word that is known here, say.
pub(crate) fn confirm(wrappers: &Versions<Sealing>, later: &LaterKey) -> Result<Material, KeyError> {
    opened(wrappers, (later.id, &later.purpose, later.subject), &later.bytes, &later.commitment)
}

/// Which key, what for and whose.
type Named<'a> = (KeyId, &'a str, Option<SubjectId>);

fn sealed(wrapper: &Sealing, named: Named<'_>, key: &Material) -> Result<Vec<u8>, KeyError> {
    let sealed = wrapper.seal(&bound_to(wrapper, named), &key.to_clear());
    sealed.map_err(|_| KeyError::Broken(named.0))
}

fn opened(
    wrappers: &Versions<Sealing>,
    named: Named<'_>,
    bytes: &[u8],
    commitment: &[u8; 32],
) -> Result<Material, KeyError> {
    let broken = || KeyError::Broken(named.0);
    let sealed = Sealed::parse(bytes).map_err(|_| broken())?;
    let wrapper = wrappers.of(sealed.key()).ok_or_else(broken)?;
    let clear = wrapper.open(&bound_to(wrapper, named), sealed).ok_or_else(broken)?;
    let key = Material::from_clear(&clear).map_err(|_| broken())?;
    if key.is_that_of(commitment) { Ok(key) } else { Err(broken()) }
}

/// The tenant's own key under which `bytes` are.
fn wrapper_of(bytes: &[u8]) -> Option<KeyId> {
    Sealed::parse(bytes).ok().map(|sealed| sealed.key())
}

fn bound_to(wrapper: &Sealing, (id, purpose, subject): Named<'_>) -> Vec<u8> {
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
    use crate::{Keyring, LocalKeys, RootKey, StoredKeys, Suite, TenantKeys};

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

    fn later(keys: &TenantKeys, named: Named<'_>, key: &Material) -> LaterKey {
        let (id, purpose, subject) = named;
        let bytes = sealed(keys.wrapper(), named, key).unwrap();
        LaterKey { id, purpose: purpose.into(), subject, bytes, commitment: key.commitment() }
    }

    /// A ring, and what a later Ward stored for a tenant.
    fn upgraded(tenant: TenantId) -> (Keyring, StoredKeys) {
        let service = Arc::new(LocalKeys::new(RootKey::random(&Os).unwrap(), Arc::new(Os)));
        let ring = Keyring::new(service, Arc::new(Os), Arc::new(Os), Keyring::LONGEST, 1).unwrap();
        let (keys, stored) = block_on(ring.create(tenant, Suite::default())).unwrap();
        let (id, key) = (KeyId::from(20), Material::random(Suite::default(), &Os).unwrap());
        let later = later(&keys, (id, LATER, None), &key);
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
            LaterKey { id: KeyId::from(21), ..later.clone() },
            LaterKey { subject: Some(SubjectId::from(Uuid::from_u128(1))), ..later.clone() },
            LaterKey { commitment: [7; 32], ..later.clone() },
            LaterKey { bytes: Vec::new(), ..later.clone() },
        ];
        for key in &stored.keys {
            let WrappedKey { id, bytes, commitment, .. } = key.clone();
            broken.push(LaterKey { id, purpose: LATER.into(), subject: None, bytes, commitment });
        }
        for broken in broken {
            let told = format!("{broken:?}");
            let stored = StoredKeys { later: vec![later.clone(), broken], ..stored.clone() };
            assert!(!loads(stored) && ring.cached(tenant).is_none(), "{told}");
        }
        assert!(block_on(ring.complete(tenant, &stored)).is_err(), "whoever made it made those before it");
    }

    #[test]
    fn a_key_of_a_purpose_of_tomorrow_moves_under_the_next_key_of_the_tenant_and_stays_what_it_is() {
        let tenant = TenantId::fixed(Uuid::from_u128(1));
        let (ring, mut stored) = upgraded(tenant);
        let load = |stored: &StoredKeys| block_on(ring.loading(tenant).unwrap(stored.clone())).unwrap();
        let key = Material::random(Suite::default(), &Os).unwrap();
        let of_somebody = (KeyId::from(64), LATER, Some(SubjectId::from(Uuid::from_u128(1))));
        stored.later.push(later(&load(&stored), of_somebody, &key));

        let own = block_on(ring.make_own(tenant, None, (KeyId::from(30), Suite::default()))).unwrap();
        stored.keys.push(WrappedKey { known: true, ..own });
        let keys = load(&stored);
        let own = keys.own();
        assert_eq!(own, KeyId::from(30));
        for old in stored.later.iter_mut() {
            let anew = keys.rewrap_later(old).unwrap().unwrap();
            assert_eq!(wrapper_of(&anew.bytes), Some(own));
            let bytes = old.bytes.clone();
            assert_eq!(LaterKey { bytes, ..anew.clone() }, *old, "nothing but its wrapping changes");
            assert_eq!(keys.rewrap_later(&anew).unwrap(), None, "it is where it belongs");
            let moved = LaterKey { subject: None, purpose: "index".into(), ..anew.clone() };
            assert!(keys.rewrap_later(&moved).is_err(), "it was wrapped for something else");
            *old = anew;
        }
        keys.confirm(&stored.later).unwrap();
    }
}
