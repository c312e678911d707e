//! Signed notes ([signed-note](https://c2sp.org/signed-note)) and what the log writes as such: checkpoints
//! ([tlog-checkpoint](https://c2sp.org/tlog-checkpoint)), witnesses' cosignatures
//! ([tlog-cosignature](https://c2sp.org/tlog-cosignature)), and proofs that carry both
//! ([tlog-proof](https://c2sp.org/tlog-proof)).

mod bundle;
mod checkpoint;
mod key;
mod signed;

pub use bundle::{ProofBundle, Unproven};
pub use checkpoint::Checkpoint;
pub(crate) use checkpoint::number;
pub use key::{InvalidKey, KeyKind, NoteSigner, VerifierKey};
pub use signed::{InvalidNote, Note, Signature, Signed};
