//! The witness as it is run: the built program, asked by Ward's own client over the network stack, and killed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may"
)]

mod cosigned;
#[path = "../../src/fixture.rs"]
mod fixture;
mod kill;
mod protocol;
mod start;
mod witness;
