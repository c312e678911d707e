//! AWS KMS, and what speaks its API.
