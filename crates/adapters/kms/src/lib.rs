//! Tenants' keys, wrapped by key services outside of the process.

mod guarded;

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
