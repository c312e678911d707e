//! The service as its clients see it: over HTTP, against a database of its own, as the role that serves.

mod support;

mod events;
mod idempotency;
mod imports;
mod problems;
mod roles;
mod strict;
mod sweep;
