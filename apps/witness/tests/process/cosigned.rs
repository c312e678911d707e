//! Several witnesses, asked by Ward about the same log.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::DateTime;
use ward::audit::log::{LogView, Start};
use ward::audit::note::{Note, VerifierKey};
use ward::audit::sequence::{Growth, Head};
use ward::audit::tree::{Hash, Run, StoredTree};
use ward::audit::witness::Witness as Port;
use ward::crypto::TenantKeys;
use ward::kernel::{EventId, StoreError, TenantId};
use ward::{Cosigner, Logs, Unwitnessed};

use crate::fixture::Log;
use crate::witness::Witness;

/// A log of so many entries, as it is stored.
struct Stored<'l>(&'l Log, u64);

#[async_trait]
impl StoredTree for Stored<'_> {
    async fn hashes(&mut self, runs: &[Run]) -> Result<Vec<Vec<Hash>>, StoreError> {
        let stored = &self.0.leaves[..self.1 as usize];
        let hashes =
            |run: &Run| stored.iter().skip(run.first as usize).take(run.count.into()).copied().collect();
        Ok(runs.iter().map(hashes).collect())
    }
}

#[async_trait]
impl LogView for Stored<'_> {
    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        let (checkpoint, note) = (self.0.checkpoint(self.1), self.0.signed(self.1).to_string());
        Ok(Some(Head { checkpoint, note, latest: DateTime::UNIX_EPOCH }))
    }

    async fn witnessed(&mut self) -> Result<Option<Head>, StoreError> {
        unreachable!("what is stored of witnesses is believed by nobody")
    }

    async fn located(&mut self, _: EventId) -> Result<Option<(Option<u64>, String)>, StoreError> {
        unreachable!("nobody asks for an entry")
    }

    async fn texts(&mut self, _: u64, _: u16) -> Result<Vec<String>, StoreError> {
        unreachable!("nobody asks for an entry")
    }

    async fn start(&mut self) -> Result<Option<Start>, StoreError> {
        unreachable!("nobody asks for an entry")
    }
}

/// The heads that were kept, with the words of witnesses.
#[derive(Default)]
struct Kept(Mutex<Vec<Head>>);

#[async_trait]
impl Logs for Kept {
    async fn waiting(&self, _: u32) -> Result<Vec<(TenantId, EventId)>, StoreError> {
        unreachable!("nothing grows here")
    }

    async fn grow(&self, _: TenantId, _: bool) -> Result<(Box<dyn Growth>, Arc<TenantKeys>), StoreError> {
        unreachable!("nothing grows here")
    }

    async fn keep_witnessed(&self, _: TenantId, head: &Head) -> Result<(), StoreError> {
        self.0.lock().unwrap().push(head.clone());
        Ok(())
    }

    async fn keep_months(&self, _: u32) -> Result<(), StoreError> {
        unreachable!("nothing is stored here")
    }
}

impl Kept {
    /// The sizes that all of these witnesses stand for.
    fn sizes(&self, keys: &[VerifierKey]) -> Vec<u64> {
        let size = |head: &Head| {
            let note = Note::parse(&head.note).unwrap();
            assert_eq!(note.verify(keys).unwrap().len(), keys.len());
            head.checkpoint.size
        };
        self.0.lock().unwrap().iter().map(size).collect()
    }
}

/// A process of Ward that has just been started, and asks these.
fn ward(kept: &Arc<Kept>, witnesses: [&Witness; 2]) -> Vec<Cosigner> {
    Cosigner::all(kept.clone(), witnesses.map(|witness| Box::new(witness.client()) as Box<dyn Port>).into())
}

async fn ask(witness: &Cosigner, log: &Log, size: u64) -> Result<bool, Unwitnessed> {
    witness.cosign(TenantId::DEPLOYMENT, &mut Stored(log, size)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_kept_once_all_have_cosigned_it_and_nobody_waits_for_another() {
    let log = Log::new("log.example", 1);
    let witnesses = [Witness::start(&[&log]), Witness::start(&[])];
    let (kept, keys) = (Arc::new(Kept::default()), witnesses.each_ref().map(Witness::key));
    let asked = ward(&kept, witnesses.each_ref());
    for size in [4, 5, 9] {
        assert!(ask(&asked[0], &log, size).await.unwrap());
        assert!(!ask(&asked[0], &log, size).await.unwrap(), "it was asked about this one");
        let refused = ask(&asked[1], &log, size).await.unwrap_err();
        assert!(!refused.is_contradicted(), "it doesn't know the log: {refused}");
    }
    assert_eq!(kept.sizes(&keys), [0; 0]);
    witnesses[1].know(&[&log]);
    assert!(ask(&asked[1], &log, 12).await.unwrap(), "about what the other has cosigned");
    assert_eq!(kept.sizes(&keys), [9]);
    assert!(ask(&asked[1], &log, 12).await.unwrap());
    assert!(ask(&asked[0], &log, 13).await.unwrap());
    assert_eq!(kept.sizes(&keys), [9, 12]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_replica_showed_contradicts_nothing_and_what_the_log_no_longer_has_does() {
    let [log, fork] = [1, 2].map(|side| Log::new("log.example", side));
    let witnesses = [Witness::start(&[&log]), Witness::start(&[&log])];
    let kept = Arc::new(Kept::default());
    let [one, other] = [(); 2].map(|()| ward(&kept, witnesses.each_ref()));
    assert!(ask(&one[0], &log, 5).await.unwrap());
    for witness in &other {
        assert!(ask(witness, &log, 9).await.unwrap());
    }
    // It is still to be asked about the 5.
    assert!(ask(&one[1], &log, 9).await.unwrap());
    assert!(ask(&one[1], &log, 9).await.unwrap());
    assert!(!ask(&one[1], &log, 9).await.unwrap());

    for (log, size) in [(&log, 7), (&fork, 12)] {
        for witness in &ward(&kept, witnesses.each_ref()) {
            let refused = ask(witness, log, size).await.unwrap_err();
            assert!(refused.is_contradicted(), "{refused}");
        }
    }
    for witness in &ward(&kept, witnesses.each_ref()) {
        assert!(ask(witness, &log, 9).await.unwrap(), "after each start, of what it saw before, too");
    }
}
