//! Keys in AWS KMS, at a compatible server and at one that fails.

mod chain;
mod faults;
mod keys;
mod silent;
mod support;
