use std::collections::{HashSet, VecDeque};

use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;
use ward::subject::ExternalRef;
use ward::subject::import::{Batch, ImportRow, RowError};

use super::batches::Batches;
use crate::http::problem::Refused;

/// Batches stored at once: while the database is at work for one, the values of the next are sealed.
const DEPTH: usize = 2;

/// Batches on their way into the store, which come out in the order in which they went in.
pub(super) struct Pipeline {
    batches: Batches,
    under_way: VecDeque<UnderWay>,
}

struct UnderWay {
    names: HashSet<ExternalRef>,
    refused: Vec<(u64, Vec<RowError>)>,
    stored: AbortOnDropHandle<Result<Batch, Refused>>,
}

impl Pipeline {
    pub(super) fn new(batches: Batches) -> Self {
        Self { batches, under_way: VecDeque::with_capacity(DEPTH) }
    }

    /// Whether `rows` may go in: there is room, and nothing under way speaks of the same people, whose rows come first.
    pub(super) fn admits(&self, rows: &[ImportRow]) -> bool {
        let names = |row: &ImportRow| row.subject.external_ref.clone();
        let met = |of: &UnderWay| rows.iter().filter_map(names).any(|name| of.names.contains(&name));
        self.under_way.len() < DEPTH && !self.under_way.iter().any(met)
    }

    /// Begins to store `rows`; `refused` were read beside them.
    pub(super) fn store(&mut self, rows: Vec<ImportRow>, refused: Vec<(u64, Vec<RowError>)>) {
        let names = rows.iter().filter_map(|row| row.subject.external_ref.clone()).collect();
        let store = self.batches.clone().store(rows).in_current_span();
        let stored = AbortOnDropHandle::new(tokio::spawn(store));
        self.under_way.push_back(UnderWay { names, refused, stored });
    }

    /// What became of the first batch under way, as soon as it is stored; nothing, if none is. May be dropped at any time.
    pub(super) async fn next(&mut self) -> Option<Result<Batch, Refused>> {
        let stored = (&mut self.under_way.front_mut()?.stored).await;
        let refused = self.under_way.pop_front()?.refused;
        let batch = stored.map_err(|error| Refused::logged(&error)).flatten();
        Some(batch.map(|batch| Batch { refused: [refused, batch.refused].concat(), ..batch }))
    }
}
