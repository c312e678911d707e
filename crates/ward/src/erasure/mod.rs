//! People erased by the destruction of their keys, for good: a ledger outside of the database remembers who was, and a database that
//! comes out of a backup serves nobody before it has done so again.

mod entry;
mod erase;
mod ledger;
mod reason;
mod record;

use async_trait::async_trait;
use ward_crypto::KeyId;
use ward_kernel::{Action, Operation, Requires, StoreError, SubjectId};

pub use entry::ErasureEntry;
pub use erase::{EraseError, erase, replay};
pub use ledger::{
    Beyond, ErasureBook, ErasureLedger, LedgerError, Owed, Unanswered, Unentered, enter, look_beyond,
};
pub use reason::ErasureReason;
pub use record::{Destruction, Gone, KeyDestroyed, Left};

/// Somebody asked for an erasure, which may have been done before.
pub const ERASURE_REQUESTED: Action = Action::new("subject.erasure_requested");
/// The key of a person, and what is left of those before it, were destroyed.
pub const KEY_DESTROYED: Action = Action::new("key.destroyed");
/// Nothing that was held of a person can be read or found any more.
pub const SUBJECT_ERASED: Action = Action::new("subject.erased");
/// A person who came back out of a backup was erased again.
pub const ERASURE_REPLAYED: Action = Action::new("subject.erasure_replayed");

/// Erases a person.
pub static ERASE_SUBJECT: Operation = Operation {
    controls: &["C8", "S2"],
    idempotent: true,
    ..Operation::change(
        "eraseSubject",
        "retention.erase",
        &[ERASURE_REQUESTED, KEY_DESTROYED, SUBJECT_ERASED],
    )
};

/// Shows what was destroyed.
pub static SHOW_ERASURE: Operation =
    Operation { controls: &["C8"], ..Operation::read("showErasure", "retention.read", &[]) };

/// Erases people again who came back out of a backup.
pub static REPLAY_ERASURE: Operation = Operation {
    id: "replayErasure",
    requires: Requires::Job(ERASER),
    events: &[KEY_DESTROYED, ERASURE_REPLAYED],
    writes: true,
    discloses: false,
    controls: &["C8", "O1"],
    rate: "job",
    idempotent: false,
};

/// Who does that.
pub const ERASER: &str = "eraser";

/// How keys are destroyed, in the terms of NIST SP 800-88: of each there is one copy outside of backups, wrapped by the tenant's.
pub const METHOD: &str = "cryptographic_erase";

/// Port: a tenant's people, to destroy.
#[async_trait]
pub trait Erasures: Send {
    /// What was destroyed of somebody.
    async fn destroyed(&mut self, subject: SubjectId) -> Result<Option<KeyDestroyed>, StoreError>;

    /// Destroys all keys of somebody, and says which there were.
    async fn destroy_keys(&mut self, subject: SubjectId) -> Result<Vec<KeyId>, StoreError>;

    /// Removes all records about somebody, and says how many.
    async fn remove_all(&mut self, subject: SubjectId) -> Result<u64, StoreError>;

    /// Looks for what is left.
    async fn look_for(&mut self, subject: SubjectId) -> Result<Left, StoreError>;

    /// Puts down what was destroyed, for good, with what is left of it now, which must be nothing; and has it entered into the ledger.
    async fn put_down(&mut self, destruction: &Destruction) -> Result<KeyDestroyed, StoreError>;
}

/// Port: a tenant's erasures, to read.
#[async_trait]
pub trait ErasuresView: Send {
    /// What was destroyed of somebody.
    async fn erasure(&mut self, subject: SubjectId) -> Result<Option<KeyDestroyed>, StoreError>;
}
