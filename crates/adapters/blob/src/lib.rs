//! An [archive](ward::audit::archive::Archive) of checkpoints in a directory, or in a bucket of an S3-compatible store:
//!
//! ```
//! use ward::audit::archive::Archive as _;
//! use ward_blob::Place;
//!
//! async fn look(settings: Vec<(String, String)>) -> Result<Option<String>, Box<dyn std::error::Error>> {
//!     let place: Place = "s3://checkpoints.example/ward".parse()?;
//!     Ok(place.open(settings)?.text("ward.example/0199f6a8-0000-7000-8000-000000000001/checkpoint").await?)
//! }
//! ```

mod archive;
mod connector;
mod ledger;
mod place;

pub use archive::BlobArchive;
pub use ledger::BlobLedger;
pub use place::{InvalidPlace, Place, Unopened};
