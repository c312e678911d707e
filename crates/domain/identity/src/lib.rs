//! Who may act: for now the keys that machines present.
//!
//! A key is shown once and kept as a keyed digest. One that was mistyped, cut short or made elsewhere is told by
//! its form alone, before anything is looked up:
//!
//! ```
//! # struct Os;
//! # impl ward_kernel::Entropy for Os {
//! #     fn fill(&self, bytes: &mut [u8]) { getrandom::fill(bytes).unwrap() }
//! # }
//! use ward_identity::{Format, Mode};
//!
//! let format = Format::new("wd", true)?;
//! let key = format.random(Mode::Live, &Os);
//! assert!(key.expose().starts_with("wd_live_"));
//! assert!(format.parse(key.expose()).is_ok());
//! assert!(format.parse("wd_live_0123456789ABCDEFGHIJKL000000").is_err()); // the last six are a checksum
//! # Ok::<(), ward_identity::InvalidFormat>(())
//! ```
#![forbid(unsafe_code)]

pub mod api_key;
mod secret;

pub use api_key::{ApiKey, ApiKeys, ApiKeysView, Creator, Issued, Mint, NewApiKey, State};
pub use secret::{ApiKeySecret, Format, InvalidFormat, InvalidSecret, Mode, SecretDigest};
