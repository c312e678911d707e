//! Tenants' keys, wrapped by [key services](ward::crypto::KeyService): a [key in a file](key_file), which
//! [`LocalKeys`](ward::crypto::LocalKeys) wraps with; hardware behind PKCS#11 (feature `pkcs11`); and AWS KMS (feature `aws`). Those outside
//! of the process may hang, or be gone for a while; [`Guarded`] sees to it that nobody waits for them for long:
//!
//! ```
//! # use std::sync::Arc;
//! # use chrono::{DateTime, Utc};
//! use ward::crypto::{KeyService, LocalKeys, Suite, TenantKeys};
//! # use ward::kernel::{Clock, Entropy, TenantId, Uuid};
//! use ward_kms::{Guarded, Limits, key_file};
//!
//! # struct System;
//! # impl Clock for System {
//! #     fn now(&self) -> DateTime<Utc> { DateTime::UNIX_EPOCH }
//! # }
//! # impl Entropy for System {
//! #     fn fill(&self, bytes: &mut [u8]) { bytes.iter_mut().zip(7..).for_each(|(byte, next)| *byte = next) }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (clock, entropy) = (Arc::new(System), Arc::new(System));
//! # let home = tempfile::tempdir()?;
//! # let file = home.path().join("root.key");
//! key_file::make(&file, &*entropy)?;
//! // Any key service; in production one that holds its root outside of the process.
//! let service = Arc::new(LocalKeys::new(key_file::read(&file)?, entropy.clone()));
//! let service = Guarded::new(service, Limits::default(), clock);
//!
//! let tenant = TenantId::from(Uuid::from_u128(1));
//! let (keys, stored) = TenantKeys::create(tenant, &service, Suite::Aes256Gcm, entropy).await?;
//! service.check().await?;
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod guarded;
pub mod key_file;
pub mod private_file;

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;

pub use guarded::{Guarded, Limits, Withheld};
