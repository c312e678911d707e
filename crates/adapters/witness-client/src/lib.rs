//! Asks a witness of logs ([tlog-witness](https://c2sp.org/tlog-witness)) for its word, over HTTP:
//!
//! ```
//! use ward::audit::note::{InvalidNote, Note};
//! use ward::audit::witness::{Witness, WitnessError, cosign};
//! use ward_witness_client::HttpWitness;
//!
//! async fn ask(checkpoint: &Note) -> Result<(), WitnessError> {
//!     let key = "witness.example+3ff362f1+BAuVKhgnkyVNd9dWJx3ZzV8B0sLrOVzSZcmBHs2qj0B3".parse();
//!     let witness = HttpWitness::new("https://witness.example", key.into_iter().collect()).map_err(|error| WitnessError::Unavailable(error.into()))?;
//!     let nothing_seen = |_| std::future::ready(Ok::<_, InvalidNote>(vec![]));
//!     let cosignatures = cosign(&witness, checkpoint, 0, nothing_seen).await?;
//!     Ok(())
//! }
//! ```

mod http;

pub use http::{HttpWitness, InvalidWitness};
