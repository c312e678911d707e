use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};

use futures::lock::Mutex;
use ward_audit::log::{LogView, prove_consistency};
use ward_audit::note::{InvalidNote, Note, Signature};
use ward_audit::sequence::Head;
use ward_audit::witness::{Refusal, Witness, WitnessError, cosign};
use ward_kernel::{StoreError, TenantId};

use crate::Logs;

/// One of the witnesses of a deployment's logs. Each is asked by itself, and nobody waits for another; a head is kept as witnessed once
/// all of them have cosigned it.
pub struct Cosigner {
    witness: Box<dyn Witness>,
    nth: usize,
    /// Up to where it cosigned each log, for whoever asks now. Nothing of it lasts: after a start it is asked about every log anew.
    seen: Lock<HashMap<TenantId, u64>>,
    offers: Arc<Offers>,
}

/// What the witnesses are asked about.
struct Offers {
    logs: Arc<dyn Logs>,
    witnesses: usize,
    newest: Lock<HashMap<TenantId, Arc<Offer>>>,
}

/// A head for all witnesses to cosign, and the words of those who did.
struct Offer {
    head: Head,
    signed: Note,
    words: Lock<BTreeMap<usize, Vec<Signature>>>,
}

/// Why a witness didn't cosign a head.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unwitnessed {
    /// The stored head is no note.
    #[error("the stored head is no checkpoint")]
    Note(#[from] InvalidNote),
    /// The witness didn't give its word.
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

impl Cosigner {
    /// All those who are asked about `logs`.
    pub fn all(logs: Arc<dyn Logs>, witnesses: Vec<Box<dyn Witness>>) -> Vec<Self> {
        let offers = Arc::new(Offers { logs, witnesses: witnesses.len(), newest: Lock::default() });
        let cosigner = |(nth, witness)| Self { witness, nth, seen: Lock::default(), offers: offers.clone() };
        witnesses.into_iter().enumerate().map(cosigner).collect()
    }

    /// Has the witness cosign a head of a log that it hasn't yet, and says whether there was one: the newest may be another by now.
    pub async fn cosign(
        &self,
        tenant: TenantId,
        log: &mut (impl LogView + ?Sized),
    ) -> Result<bool, Unwitnessed> {
        let seen = lock(&self.seen).get(&tenant).copied();
        let Some(offer) = self.offers.after(tenant, seen, log).await? else { return Ok(false) };
        match self.ask(&offer, seen, log).await {
            Ok(words) => self.offers.add(tenant, &offer, (self.nth, words)).await?,
            Err(WitnessError::Refused(Refusal::Behind { size })) if is_as_long(log, size).await? => {
                self.offers.withdraw(tenant, &offer); // another replica showed it a later one
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        }
        lock(&self.seen).insert(tenant, offer.size());
        Ok(true)
    }

    async fn ask(
        &self,
        offer: &Offer,
        seen: Option<u64>,
        log: &mut (impl LogView + ?Sized),
    ) -> Result<Vec<Signature>, WitnessError> {
        let log = Mutex::new(log);
        let proof = async |from| prove_consistency(&mut **log.lock().await, from, offer.size()).await;
        cosign(&*self.witness, &offer.signed, seen.unwrap_or(0), &proof).await
    }
}

async fn is_as_long(log: &mut (impl LogView + ?Sized), size: u64) -> Result<bool, StoreError> {
    Ok(log.head().await?.is_some_and(|head| head.checkpoint.size >= size))
}

impl Offers {
    /// What to ask a witness about that has cosigned `seen` entries: what others are asked about, so that they come to sign the same,
    /// or else the newest head, from now on for the others, too.
    async fn after(
        &self,
        tenant: TenantId,
        seen: Option<u64>,
        log: &mut (impl LogView + ?Sized),
    ) -> Result<Option<Arc<Offer>>, Unwitnessed> {
        let is_new = |size| seen.is_none_or(|seen| size > seen);
        let offered = lock(&self.newest).get(&tenant).cloned();
        if let Some(offer) = offered.filter(|offer| is_new(offer.size())) {
            return Ok(Some(offer));
        }
        let head = log.head().await?.filter(|head| is_new(head.checkpoint.size));
        let Some(offer) = head.map(Offer::of).transpose()?.map(Arc::new) else { return Ok(None) };
        let mut newest = lock(&self.newest);
        let newest = newest.entry(tenant).or_insert_with(|| offer.clone());
        if newest.size() < offer.size() {
            *newest = offer;
        }
        Ok(Some(newest.clone()))
    }

    fn withdraw(&self, tenant: TenantId, offer: &Arc<Offer>) {
        let mut newest = lock(&self.newest);
        if newest.get(&tenant).is_some_and(|other| Arc::ptr_eq(other, offer)) {
            newest.remove(&tenant);
        }
    }

    /// Adds what a witness said, and keeps the head once that is said by all.
    async fn add(
        &self,
        tenant: TenantId,
        offer: &Offer,
        (nth, said): (usize, Vec<Signature>),
    ) -> Result<(), StoreError> {
        let mut note = offer.signed.clone();
        {
            let mut words = lock(&offer.words);
            words.insert(nth, said);
            if words.len() < self.witnesses {
                return Ok(());
            }
            words.values().flatten().for_each(|word| note.add(word.clone()));
        }
        let head = Head { note: note.to_string(), ..offer.head.clone() };
        self.logs.keep_witnessed(tenant, &head).await
    }
}

impl Offer {
    fn of(head: Head) -> Result<Self, InvalidNote> {
        Ok(Self { signed: Note::parse(&head.note)?, head, words: Lock::default() })
    }

    fn size(&self) -> u64 {
        self.head.checkpoint.size
    }
}

fn lock<T>(of: &Lock<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
