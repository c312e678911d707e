//! Ward as it is deployed: the built program as a process of its own, on a private PostgreSQL, spoken to over HTTP and killed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may"
)]

mod archived;
mod client;
mod contract;
mod delivered;
mod doctored;
mod held_elsewhere;
mod jobs;
mod keeping;
mod kill;
mod load;
mod misuse;
mod months;
mod needles;
mod planted;
mod postgres;
mod remembered;
mod restored;
mod root_key;
mod rotated;
mod rotation;
mod start;
mod stolen;
mod visit;
mod ward;
mod witness;
