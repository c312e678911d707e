use async_trait::async_trait;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{EncryptionAlgorithmSpec, KeyMetadata, KeySpec, KeyState, KeyUsageType};
use ward::crypto::{KeyService, ServiceError, TenantKey};
use ward::kernel::{TenantId, Uuid};
use zeroize::Zeroizing;

use super::failure::{self, Unanswered};
use super::{KeyArn, Kms};

const VERSION: u8 = 3;
/// What KMS makes of a plaintext is no longer.
const LONGEST: usize = 6144;
const TENANT: &str = "ward:tenant";
const PURPOSE: (&str, &str) = ("ward:purpose", "tenant key");

/// A [`KeyService`] whose root is one symmetric key in AWS KMS, which KMS never gives away.
///
/// What it wraps is bound to its tenant by the encryption context, which the key's access log shows and which a policy may ask for; the
/// [module's documentation](super) has both. Each call asks how the key stands first, and what isn't enabled wraps and unwraps nothing,
/// also where a compatible server would.
///
/// ```text
/// wrapped = 0x03 ‖ CiphertextBlob of Encrypt, 1 to 6144 octets
/// ```
#[derive(Debug)]
pub struct AwsKeys {
    kms: Kms,
    key: KeyArn,
}

impl AwsKeys {
    /// Wraps under `key`.
    pub fn new(kms: Kms, key: KeyArn) -> Self {
        Self { kms, key }
    }

    async fn describe(&self) -> Result<(), ServiceError> {
        let (client, here) = self.kms.client(self.key.region()).await;
        let asked = client.describe_key().key_id(self.key.arn());
        let answer = asked.customize().config_override(here).send().await;
        let key = answer
            .map_err(|error| failure::of(&self.key, &error))?
            .key_metadata
            .ok_or(Unanswered::Garbled)?;
        self.is_own(key.arn())?;
        let standing = stands(&key);
        if matches!(standing, Err(ServiceError::Refused)) {
            let state = key.key_state().map(KeyState::as_str);
            tracing::info!(key = %self.key, state, "a key in AWS KMS is not one that encrypts now");
        }
        standing
    }

    async fn encrypt(&self, tenant: TenantId, clear: &[u8]) -> Result<Vec<u8>, ServiceError> {
        let (client, here) = self.kms.client(self.key.region()).await;
        let asked = client.encrypt().key_id(self.key.arn()).plaintext(Blob::new(clear));
        let asked = asked.encryption_algorithm(EncryptionAlgorithmSpec::SymmetricDefault);
        let asked = asked.encryption_context(TENANT, named(tenant)).encryption_context(PURPOSE.0, PURPOSE.1);
        let answer = asked.customize().config_override(here).send().await;
        let answer = answer.map_err(|error| failure::of(&self.key, &error))?;
        self.is_own(answer.key_id())?;
        answer.ciphertext_blob.map(Blob::into_inner).ok_or_else(|| Unanswered::Garbled.into())
    }

    async fn decrypt(&self, tenant: TenantId, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, ServiceError> {
        let (client, here) = self.kms.client(self.key.region()).await;
        let asked = client.decrypt().key_id(self.key.arn()).ciphertext_blob(Blob::new(blob));
        let asked = asked.encryption_algorithm(EncryptionAlgorithmSpec::SymmetricDefault);
        let asked = asked.encryption_context(TENANT, named(tenant)).encryption_context(PURPOSE.0, PURPOSE.1);
        let answer = asked.customize().config_override(here).send().await;
        let mut answer = answer.map_err(|error| failure::of(&self.key, &error))?;
        let clear = answer.plaintext.take().map(|clear| Zeroizing::new(clear.into_inner()));
        self.is_own(answer.key_id())?;
        clear.ok_or_else(|| Unanswered::Garbled.into())
    }

    /// Whether the answer is about this key: another's is worth nothing.
    fn is_own(&self, answered: Option<&str>) -> Result<(), ServiceError> {
        match answered {
            Some(arn) if arn == self.key.arn() => Ok(()),
            Some(_) => Err(ServiceError::Broken),
            None => Err(Unanswered::Garbled.into()),
        }
    }
}

#[async_trait]
impl KeyService for AwsKeys {
    async fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError> {
        self.describe().await?;
        let blob = self.encrypt(tenant, &key.to_clear()).await?;
        if !(1..=LONGEST).contains(&blob.len()) {
            return Err(ServiceError::Broken);
        }
        Ok([&[VERSION], &*blob].concat())
    }

    async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError> {
        let blob = match wrapped.split_first() {
            Some((&VERSION, blob)) if (1..=LONGEST).contains(&blob.len()) => blob,
            _ => return Err(ServiceError::Broken),
        };
        self.describe().await?;
        let clear = self.decrypt(tenant, blob).await?;
        TenantKey::from_clear(&clear).map_err(|_| ServiceError::Broken)
    }

    /// Asks how the key stands; that it may be used is known when it is.
    async fn check(&self) -> Result<(), ServiceError> {
        self.describe().await
    }
}

fn named(tenant: TenantId) -> String {
    Uuid::from(tenant).to_string()
}

/// Whether the key is a symmetric one that encrypts now. While its primary region is moved, it does.
fn stands(key: &KeyMetadata) -> Result<(), ServiceError> {
    let (Some(state), Some(usage), Some(spec)) = (key.key_state(), key.key_usage(), key.key_spec()) else {
        return Err(Unanswered::Garbled.into());
    };
    let usable = matches!(state, KeyState::Enabled | KeyState::Updating);
    if usable && *usage == KeyUsageType::EncryptDecrypt && *spec == KeySpec::SymmetricDefault {
        return Ok(());
    }
    Err(ServiceError::Refused)
}

#[cfg(test)]
mod tests {
    use aws_sdk_kms::types::{KeyMetadata, KeySpec, KeyState, KeyUsageType};

    use super::stands;

    fn outcome(state: Option<KeyState>, usage: KeyUsageType, spec: KeySpec) -> String {
        let key = KeyMetadata::builder().key_id("id").set_key_state(state).key_usage(usage).key_spec(spec);
        format!("{:?}", stands(&key.build().unwrap()))
    }

    #[test]
    fn a_key_stands_that_encrypts_now_and_no_other() {
        for state in KeyState::values() {
            let expected = if matches!(*state, "Enabled" | "Updating") { "Ok(())" } else { "Err(Refused)" };
            let state = Some(KeyState::from(*state));
            assert_eq!(outcome(state, KeyUsageType::EncryptDecrypt, KeySpec::SymmetricDefault), expected);
        }
        let strange = Some(KeyState::from("Resting"));
        assert_eq!(outcome(strange, KeyUsageType::EncryptDecrypt, KeySpec::SymmetricDefault), "Err(Refused)");
        let enabled = || Some(KeyState::Enabled);
        assert_eq!(outcome(enabled(), KeyUsageType::GenerateVerifyMac, KeySpec::Hmac256), "Err(Refused)");
        assert_eq!(outcome(enabled(), KeyUsageType::EncryptDecrypt, KeySpec::Rsa2048), "Err(Refused)");
        let unsaid = outcome(None, KeyUsageType::EncryptDecrypt, KeySpec::SymmetricDefault);
        assert_eq!(unsaid, "Err(Unavailable(Garbled))");
    }
}
