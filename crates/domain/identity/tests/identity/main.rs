//! API keys: how they look, and what becomes of them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

mod api_keys;
mod secrets;
mod support;
