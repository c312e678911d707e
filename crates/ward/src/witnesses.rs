use std::sync::Arc;

use futures::lock::Mutex;
use ward_audit::log::{LogView, prove_consistency};
use ward_audit::note::{InvalidNote, Note};
use ward_audit::sequence::Head;
use ward_audit::witness::{Refusal, Witness, WitnessError, cosign};
use ward_kernel::{StoreError, TenantId};

use crate::Logs;

/// The witnesses of a deployment's logs.
pub struct Witnesses {
    logs: Arc<dyn Logs>,
    all: Vec<Box<dyn Witness>>,
}

/// Why a head has no witness.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unwitnessed {
    /// The stored head is no note.
    #[error("the stored head is no checkpoint")]
    Note(#[from] InvalidNote),
    /// A witness didn't give its word.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Unwitnessed {
    /// Whether a witness has seen another log than this one: it was set back, or written anew.
    pub fn is_contradicted(&self) -> bool {
        let Self::Witness(WitnessError::Refused(refusal)) = self else { return false };
        matches!(refusal, Refusal::Behind { .. } | Refusal::Inconsistent)
    }
}

impl Witnesses {
    /// Those who are asked about `logs`: none, if there are none.
    pub fn new(logs: Arc<dyn Logs>, all: Vec<Box<dyn Witness>>) -> Self {
        Self { logs, all }
    }

    /// Whether nobody is asked.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Has all witnesses cosign the latest head of a log, if they haven't yet, and keeps their word. Where one doesn't give its own,
    /// that of none is kept.
    pub async fn cosign(
        &self,
        tenant: TenantId,
        log: &mut (impl LogView + ?Sized),
    ) -> Result<(), Unwitnessed> {
        let (head, seen) = (log.head().await?, log.witnessed().await?);
        let Some(head) = head else { return Ok(()) };
        let (size, seen) = (head.checkpoint.size, seen.map_or(0, |seen| seen.checkpoint.size));
        if self.all.is_empty() || size == seen {
            return Ok(());
        }
        let signed = Note::parse(&head.note)?;
        let mut note = signed.clone();
        let log = Mutex::new(log);
        let proof = async |from| prove_consistency(&mut **log.lock().await, from, size).await;
        for witness in &self.all {
            cosign(&**witness, &signed, seen, &proof).await?.into_iter().for_each(|word| note.add(word));
        }
        self.logs.keep_witnessed(tenant, &Head { note: note.to_string(), ..head }).await?;
        Ok(())
    }
}
