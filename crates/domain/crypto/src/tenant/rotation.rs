use chrono::{DateTime, Utc};

use crate::material::Material;
use crate::wrapped::{unwrap, wrap, wrap_anew, wrap_later_anew};
use crate::{KeyError, KeyId, KeyPurpose, LaterKey, LogKey, TenantKeys, WrappedKey};

impl TenantKeys {
    /// Makes the next version of the key for a `purpose`, under an `id` never used in this tenant and above those of the versions
    /// before. The log's has times of its own: [`make_log_key`](Self::make_log_key).
    pub fn make_version(&self, purpose: KeyPurpose, id: KeyId) -> Result<WrappedKey, KeyError> {
        if !purpose.is_single() || purpose == KeyPurpose::Log {
            return Err(KeyError::Unversioned(purpose));
        }
        let key = Material::random(self.wrapper().header.suite, &*self.wrapper().entropy)?;
        wrap(self.wrapper(), id, purpose, None, &key)
    }

    /// Makes the log's next key, under an `id` never used in this tenant and above those of the keys before. The one before signs
    /// beside it `until` then.
    pub fn make_log_key(&self, id: KeyId, until: DateTime<Utc>) -> Result<(LogKey, WrappedKey), KeyError> {
        let key = Material::random(self.wrapper().header.suite, &*self.wrapper().entropy)?;
        let wrapped = wrap(self.wrapper(), id, KeyPurpose::Log, None, &key)?;
        Ok((LogKey::new(&key), WrappedKey { until: Some(until), ..wrapped }))
    }

    /// Wraps a key under the current one of the tenant's own, if it is under an older one.
    pub fn rewrap(&self, wrapped: &WrappedKey) -> Result<Option<WrappedKey>, KeyError> {
        if wrapped.wrapped_by().is_none_or(|by| by == self.wrapper().header.key) {
            return Ok(None);
        }
        let key = unwrap(&self.wrappers, wrapped)?;
        wrap_anew(self.wrapper(), wrapped, &key).map(Some)
    }

    /// Wraps a key for a purpose that isn't known here as [`rewrap`](Self::rewrap) does: what it is for is none of its wrapping's
    /// business. It fails where a later Ward wraps in another way; then the key stays under the version that it is under, which stays
    /// as well.
    pub fn rewrap_later(&self, later: &LaterKey) -> Result<Option<LaterKey>, KeyError> {
        wrap_later_anew(&self.wrappers, later)
    }
}
