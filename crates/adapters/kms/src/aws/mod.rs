//! Keys in AWS KMS, or in a service that speaks its API.
//!
//! ```no_run
//! use ward::crypto::KeyService as _;
//! use ward_kms::aws::{AwsKeys, Kms};
//!
//! # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
//! let kms = Kms::new(std::env::vars())?;
//! let key = "aws-kms:arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse()?;
//! AwsKeys::new(kms, key).check().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What the key's policy must allow
//!
//! `kms:Encrypt`, `kms:Decrypt` and `kms:DescribeKey`, to whoever the deployment is in AWS. The first two only ever come with the
//! encryption context `ward:tenant`, the tenant's id, and `ward:purpose`, `tenant key`. A condition on it keeps every other tenant of the
//! same deployment away from the key; it belongs to those two alone, as `DescribeKey` has no context and would be refused:
//!
//! ```json
//! {"StringEquals": {
//!     "kms:EncryptionContext:ward:tenant": "0199f6a8-0000-7000-8000-000000000001",
//!     "kms:EncryptionContext:ward:purpose": "tenant key"
//! }}
//! ```
//!
//! # What answers mean
//!
//! A refusal is believed at once and told to the key's owner, silence only after a minute; either ends access. So what whoever holds the
//! key may have said is a refusal, and what they can't have said isn't.
//!
//! | KMS, or the way to it | [`ServiceError`](ward::crypto::ServiceError) |
//! |---|---|
//! | the key is disabled, pending deletion or import, in a key store that is cut off; or not symmetric, or not for encryption | `Refused` |
//! | `AccessDenied…`, `Disabled…`, `KMSInvalidState…`, `NotFound…`, `InvalidKeyUsage…`, any other error of status 4xx | `Refused` |
//! | `InvalidCiphertext…`, `IncorrectKey…`: other bytes, another tenant's, another key's | `Broken` |
//! | an answer about another key, a plaintext that is no tenant's key, a ciphertext that is too long | `Broken` |
//! | `Throttling…`, `LimitExceeded…`, `KeyUnavailable…`, `DependencyTimeout…`, `KMSInternal…`, status 5xx | `Unavailable` |
//! | `ExpiredToken…`, `UnrecognizedClient…`, `InvalidSignature…` and their like: the deployment's own credentials fail | `Unavailable` |
//! | no credentials, no connection, no answer in time, a redirect, half an answer, one that KMS doesn't give | `Unavailable` |
//!
//! A key in an external key store whose proxy fails is told of as `KMSInvalidStateException`, like one that was cut off: it is refused.
//!
//! # What it costs
//!
//! Two requests for each key that is wrapped or unwrapped, `DescribeKey` being the first: some 350,000 a month for a key that is watched
//! every 15 seconds. What is sent and received lies in the client's buffers for as long as a request takes, and these aren't wiped.

mod arn;
mod connector;
mod failure;
mod keys;
mod kms;

pub use arn::{InvalidArn, KeyArn};
pub use failure::Unanswered;
pub use keys::AwsKeys;
pub use kms::{Kms, Unusable};
