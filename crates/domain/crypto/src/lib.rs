//! Personal values at rest: sealed under a key of the person's own, opened only against a receipt.
//!
//! A root key that a [`KeyService`] holds wraps each tenant's key, which wraps one key for each purpose and one
//! for each subject. The database stores [`WrappedKey`]s; a [`Keyring`] keeps a tenant's unwrapped ones for a
//! minute. No key, no service: nothing here falls back to plaintext, or to a default key.
//!
//! ```
//! # use std::sync::Arc;
//! # use ward_kernel::{Entropy, Uuid};
//! use ward_crypto::{LocalKeys, RootKey, Suite, TenantKeys};
//! use ward_kernel::{Place, Sealer, SubjectId, TenantId};
//!
//! # struct Os;
//! # impl Entropy for Os {
//! #     fn fill(&self, bytes: &mut [u8]) { getrandom::fill(bytes).unwrap() }
//! # }
//! # futures::executor::block_on(async {
//! # let entropy: Arc<dyn Entropy> = Arc::new(Os);
//! let service = LocalKeys::new(RootKey::random(&*entropy)?, entropy.clone());
//!
//! let tenant = TenantId::from(Uuid::from_u128(1));
//! let (keys, stored) = TenantKeys::create(tenant, &service, Suite::XChaCha20Poly1305, entropy.clone()).await?;
//! assert_eq!(stored.len(), 9); // one for the tenant, eight for its purposes; all are to be stored
//!
//! let subject = SubjectId::from(Uuid::from_u128(2));
//! let (key, wrapped) = keys.make_subject_key(ward_crypto::KeyId::FIRST_SUBJECT, subject)?;
//!
//! let email = Place { tenant, row: subject.into(), column: "email" };
//! let sealed = key.seal(email, b"ada@example.org")?;
//! assert_eq!(sealed.bytes.len(), 15 + 46);
//!
//! // Later, in another process: the same key again. What it opens, it opens in a `Vault`, for a receipt.
//! let keys = TenantKeys::load(tenant, &service, &stored, entropy).await?;
//! assert_eq!(keys.subject_key(&wrapped, &[])?.id(), key.id());
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! Nonces come from the [`Entropy`](ward_kernel::Entropy) port, once a message: `ward-system` has a generator in
//! this process for them, since a system call costs as much as sealing.
//!
//! The ciphers are RustCrypto's, in Rust alone. The feature `aws-lc` takes the same ones from AWS-LC, which is two
//! to three times as fast and brings C to build. Without it, set `--cfg poly1305_backend="soft"` in the final
//! binary's `RUSTFLAGS` unless it is built for one processor: the run-time detection otherwise costs several times
//! what a field does.
#![forbid(unsafe_code)]

mod cipher;
mod digest;
mod external;
mod index;
mod key_id;
mod keyring;
mod ledger;
mod loading;
mod local;
mod log;
mod log_keys;
mod material;
mod purpose;
mod root;
mod sealed;
mod secret;
mod service;
mod subject;
mod suite;
mod tally;
mod tenant;
mod token;
mod transfer;
mod turn;
mod vault;
#[cfg(test)]
mod vectors;
mod versions;
mod wrapped;

pub use digest::DigestKey;
pub use external::ExternalKeys;
pub use index::IndexKey;
pub use key_id::KeyId;
pub use keyring::{Keyring, KeyringError};
pub use ledger::LedgerKey;
pub use loading::{Loading, StoredKeys, Unloaded};
pub use local::{LocalKeys, RootKey};
pub use log::{LogKey, LogKeyring, LogSigner};
pub use material::InvalidKey;
pub use purpose::KeyPurpose;
pub use sealed::{Malformed, Sealed};
pub use secret::{SecretError, SecretKey};
pub use service::{KeyError, KeyService, ServiceError, TenantKey};
pub use subject::SubjectKey;
pub use suite::Suite;
pub use tally::Sealings;
pub use tenant::TenantKeys;
pub use token::{InvalidToken, PresentedToken, Token, TokenKey, TokenPurpose, Unsignable};
pub use transfer::TransferError;
pub use turn::{Turn, TurnError};
pub use vault::{Clear, OpenError, Vault};
pub use wrapped::{LaterKey, WrappedKey};
