use std::collections::{HashSet, VecDeque};

use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;
use ward::subject::ExternalRef;
use ward::subject::import::{Batch, RowError};

use crate::http::problem::Refused;

/// Batches stored at once: while the database is at work for one, the values of the next are sealed.
const DEPTH: usize = 2;

/// Batches on their way into the store, which come out in the order in which they went in.
#[derive(Default)]
pub(super) struct Pipeline(VecDeque<UnderWay>);

struct UnderWay {
    names: HashSet<ExternalRef>,
    refused: Vec<(u64, Vec<RowError>)>,
    stored: AbortOnDropHandle<Result<Batch, Refused>>,
}

impl Pipeline {
    /// Whether a batch about `names` may go in: there is room, and nothing under way speaks of the same people, whose rows
    /// come first.
    pub(super) fn admits(&self, names: &HashSet<ExternalRef>) -> bool {
        self.0.len() < DEPTH && self.0.iter().all(|of| of.names.is_disjoint(names))
    }

    /// Lets a batch about `names` be stored; `refused` were read beside its rows.
    pub(super) fn push(
        &mut self,
        names: HashSet<ExternalRef>,
        refused: Vec<(u64, Vec<RowError>)>,
        store: impl Future<Output = Result<Batch, Refused>> + Send + 'static,
    ) {
        let stored = AbortOnDropHandle::new(tokio::spawn(store.in_current_span()));
        self.0.push_back(UnderWay { names, refused, stored });
    }

    /// What became of the first batch under way, as soon as it is stored; nothing, if none is. Behind a batch that failed
    /// nothing comes out, so that what is told has no gaps. May be dropped at any time.
    pub(super) async fn next(&mut self) -> Option<Result<Batch, Refused>> {
        let stored = (&mut self.0.front_mut()?.stored).await;
        let refused = self.0.pop_front()?.refused;
        let batch = stored.map_err(|error| Refused::logged(&error)).flatten();
        if batch.is_err() {
            self.0.clear();
        }
        Some(batch.map(|batch| Batch { refused: [refused, batch.refused].concat(), ..batch }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(name: &str) -> HashSet<ExternalRef> {
        HashSet::from([ExternalRef::parse(name).unwrap()])
    }

    #[tokio::test]
    async fn two_are_under_way_at_most_and_nobody_twice() {
        let mut pipeline = Pipeline::default();
        pipeline.push(about("A"), vec![], async { Ok(Batch::default()) });
        assert!(pipeline.admits(&about("B")) && !pipeline.admits(&about("A")));
        pipeline.push(about("B"), vec![], async { Ok(Batch::default()) });
        assert!(!pipeline.admits(&about("C")));
        assert!(pipeline.next().await.unwrap().is_ok());
        assert!(pipeline.admits(&about("A")) && !pipeline.admits(&about("B")));
    }

    #[tokio::test]
    async fn behind_a_batch_that_failed_nothing_is_told() {
        let mut pipeline = Pipeline::default();
        pipeline.push(about("A"), vec![(1, vec![])], async { Ok(Batch::default()) });
        assert_eq!(pipeline.next().await.unwrap().unwrap().refused.len(), 1);
        pipeline.push(about("A"), vec![], async { Err(Refused::absent()) });
        pipeline.push(about("B"), vec![], async { Ok(Batch::default()) });
        assert!(pipeline.next().await.unwrap().is_err());
        assert!(pipeline.next().await.is_none());
    }
}
