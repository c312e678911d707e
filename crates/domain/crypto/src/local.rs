use std::sync::Arc;

use async_trait::async_trait;
use hex::ToHex as _;
use ward_kernel::{Entropy, TenantId};
use zeroize::Zeroizing;

use crate::material::{InvalidKey, Material, Octets, boxed, redacted};
use crate::sealed::{Sealed, Sealing};
use crate::{KeyId, KeyService, ServiceError, Suite, TenantKey};

const ROOT: u32 = 0;
const FEWEST_DIFFERENT: usize = 8;

/// The key above all others, of a deployment that holds it itself.
pub struct RootKey(Material);

impl RootKey {
    /// Reads what a key file holds: 32 bytes, or 64 hexadecimal digits with white space around them.
    ///
    /// What no random source gives is refused: zeros, repetitions, text.
    pub fn parse(file: &[u8]) -> Result<Self, InvalidKey> {
        match <&[u8; 32]>::try_from(file) {
            Ok(typed) if typed.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) => {
                Err(InvalidKey::Text)
            }
            Ok(raw) => Self::new(boxed(raw)),
            Err(_) => Self::new(unhex(file.trim_ascii()).ok_or(InvalidKey::Length)?),
        }
    }

    /// A new one.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, InvalidKey> {
        let mut octets = Octets::default();
        entropy.fill(octets.as_mut_slice());
        Self::new(octets)
    }

    /// **Danger.** The key in hexadecimal, for the file that keeps it.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.octets().encode_hex())
    }

    fn new(octets: Octets) -> Result<Self, InvalidKey> {
        let mut different = Zeroizing::new(octets.to_vec());
        different.sort_unstable();
        different.dedup();
        if different.len() < FEWEST_DIFFERENT {
            return Err(InvalidKey::Repeats);
        }
        Material::new(Suite::XChaCha20Poly1305, octets).map(Self)
    }
}

/// A [`KeyService`] for development and single hosts, whose root key lies in this process.
///
/// ```text
/// wrapped = 0x01 ‖ 0x01 ‖ I2OSP(0, 4) ‖ nonce ‖ XChaCha20-Poly1305(R, nonce, ad, suite of the key ‖ key)
/// ad      = lp(0x01) ‖ lp(0x01) ‖ lp(I2OSP(0, 4)) ‖ lp(tenant) ‖ lp("ward v1 tenant key")
/// R       = HKDF-Expand(root key, "ward v1 root", 32)
/// ```
pub struct LocalKeys(Sealing);

impl LocalKeys {
    /// Wraps under `root`.
    pub fn new(root: RootKey, entropy: Arc<dyn Entropy>) -> Self {
        Self(Sealing::new(TenantId::DEPLOYMENT, KeyId::from(ROOT), (&root.0, b"ward v1 root"), entropy))
    }

    fn bound_to(&self, tenant: TenantId) -> Vec<u8> {
        self.0.header.bound(tenant, [b"ward v1 tenant key"])
    }
}

#[async_trait]
impl KeyService for LocalKeys {
    async fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError> {
        self.0.seal(&self.bound_to(tenant), &key.to_clear()).map_err(|_| ServiceError::Broken)
    }

    async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError> {
        let sealed = Sealed::parse(wrapped).map_err(|_| ServiceError::Broken)?;
        let clear = self.0.open(&self.bound_to(tenant), sealed).ok_or(ServiceError::Broken)?;
        TenantKey::from_clear(&clear).map_err(|_| ServiceError::Broken)
    }

    /// Always well: there is nothing to reach.
    async fn check(&self) -> Result<(), ServiceError> {
        Ok(())
    }
}

fn unhex(digits: &[u8]) -> Option<Octets> {
    let mut octets = Octets::default();
    hex::decode_to_slice(digits, octets.as_mut_slice()).ok()?;
    Some(octets)
}

redacted!(RootKey, LocalKeys);
