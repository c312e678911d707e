use std::sync::Arc;

use futures::StreamExt as _;
use poem::Body as Stream;
use poem_openapi::types::ToJSON as _;
use serde_json::json;
use tokio::sync::mpsc;
use ward::Store as _;
use ward::audit::{Event, Events, RecordError};
use ward::kernel::StoreError;
use ward::rbac::Permit;
use ward::subject::import::{
    Batch, ImportRow, Importer, Line, Mapping, Outcome, RowError, Rows, Syntax, batch,
};
use ward::subject::{IMPORT_COMPLETED, IMPORT_DATA, IMPORT_STARTED, SubjectError};

use super::{ImportSummary, RowFaults};
use crate::app::App;
use crate::auth::Caller;
use crate::fields::faults;
use crate::http::problem::Refused;

/// Rows stored together, as long as they have no more bytes than [`BATCH_BYTES`] together.
const BATCH: usize = 500;
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// Rows read before others get a turn.
const TURN: usize = 16;
/// Refused rows told in a summary.
const TOLD: usize = 1_000;
/// Another import may take a name first: then it is found on the next try.
const TRIES: u32 = 3;

/// Where outcomes go.
pub(super) enum Sink {
    Summary(Box<ImportSummary>),
    Lines(mpsc::Sender<String>),
}

pub(super) struct Import {
    app: Arc<App>,
    caller: Caller,
    mapping: Mapping,
    syntax: Syntax,
    header: Option<Vec<String>>,
    totals: ImportSummary,
}

impl Import {
    pub(super) fn new(app: Arc<App>, caller: Caller, mapping: Mapping, syntax: Syntax) -> Self {
        Self { app, caller, mapping, syntax, header: None, totals: ImportSummary::default() }
    }

    /// Reads the stream to its end, and stores batch by batch.
    pub(super) async fn run(mut self, body: Stream, mut sink: Sink) -> Result<Sink, Refused> {
        match self.store_all(body, &mut sink).await {
            Ok(()) => Ok(sink),
            Err(refused) => {
                sink.fail(&refused).await;
                Err(refused)
            }
        }
    }

    async fn store_all(&mut self, body: Stream, sink: &mut Sink) -> Result<(), Refused> {
        let tenant = self.caller.0.who.tenant();
        self.commit_alone(Event::of(&IMPORT_DATA, IMPORT_STARTED, tenant)).await?;
        let (mut rows, mut lines, mut body) = (Rows::new(self.syntax), Vec::new(), body.into_bytes_stream());
        while let Some(chunk) = body.next().await {
            let chunk =
                chunk.map_err(|_| Refused::malformed("the body was cut short; what was stored is stored"))?;
            rows.feed(&chunk, &mut lines);
            while let Some(full) = full(&lines) {
                let rest = lines.split_off(full);
                self.store(std::mem::replace(&mut lines, rest), sink).await?;
            }
        }
        rows.finish(&mut lines);
        self.store(lines, sink).await?;
        if self.syntax == Syntax::Csv && self.header.is_none() {
            return Err(Refused::at("", "a header line is needed"));
        }
        let ImportSummary { accepted, updated, unchanged, refused, .. } = &self.totals;
        let completed = Event::of(&IMPORT_DATA, IMPORT_COMPLETED, tenant)
            .noting("accepted", accepted)
            .noting("updated", updated)
            .noting("unchanged", unchanged)
            .noting("refused", refused);
        self.commit_alone(completed).await
    }

    async fn store(&mut self, lines: Vec<Line>, sink: &mut Sink) -> Result<(), Refused> {
        let (mut rows, mut refused) = (Vec::with_capacity(lines.len()), Vec::new());
        for (n, line) in lines.into_iter().enumerate() {
            if n % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
            match self.read(&line) {
                Ok(Some(row)) => rows.push(row),
                Ok(None) => {}
                Err(Read::Row(errors)) => refused.push((line.number, errors)),
                Err(Read::Header(refused)) => return Err(refused),
            }
        }
        let mut stored = self.store_rows(&rows).await?;
        refused.append(&mut stored.refused);
        self.tell(stored, refused, sink).await
    }

    fn read(&mut self, line: &Line) -> Result<Option<ImportRow>, Read> {
        let whole =
            |detail: &str| Read::Row(vec![RowError { pointer: String::new(), detail: detail.into() }]);
        let bytes = line.bytes.as_ref().map_err(|why| whole(why))?;
        if self.syntax == Syntax::Csv && self.header.is_none() {
            let header = self.mapping.header(bytes);
            self.header =
                Some(header.map_err(|wrong| Read::Header(Refused::invalid(faults("", wrong.0).collect())))?);
            return Ok(None);
        }
        let header = self.header.as_deref().unwrap_or_default();
        let row = self.mapping.row(&self.app.catalogue, self.syntax, header, (line.number, bytes));
        row.map(Some).map_err(Read::Row)
    }

    async fn store_rows(&self, rows: &[ImportRow]) -> Result<Batch, Refused> {
        self.app.recheck(&self.caller).await?;
        for _ in 1..TRIES {
            match self.try_rows(rows).await {
                Err(Stored::Raced) => {}
                Err(Stored::Refused(refused)) => return Err(refused),
                Ok(batch) => return Ok(batch),
            }
        }
        self.try_rows(rows).await.map_err(|error| match error {
            Stored::Raced => Refused::conflict("taken", "another import stores the same subjects"),
            Stored::Refused(refused) => refused,
        })
    }

    async fn try_rows(&self, rows: &[ImportRow]) -> Result<Batch, Stored> {
        let mut unit = self.app.store.begin(self.permit()?).await.map_err(Refused::from)?;
        let keys = unit.keys();
        let importer = Importer {
            operation: &IMPORT_DATA,
            tenant: self.caller.0.who.tenant(),
            now: self.app.clock().now(),
            ids: &*self.app.machine,
            digest: &|row| keys.import().digest(row),
        };
        let mut stored = batch(&mut *unit, &importer, rows).await?;
        if let Some(events) = Events::all(std::mem::take(&mut stored.events)) {
            unit.commit(events).await?;
        }
        Ok(stored)
    }

    async fn commit_alone(&self, event: Event) -> Result<(), Refused> {
        self.app.store.begin(self.permit()?).await?.commit(event).await?;
        Ok(())
    }

    fn permit(&self) -> Result<Permit, Refused> {
        Ok(self.app.policy.permit(&self.caller.0.who, &IMPORT_DATA)?)
    }

    async fn tell(
        &mut self,
        stored: Batch,
        refused: Vec<(u64, Vec<RowError>)>,
        sink: &mut Sink,
    ) -> Result<(), Refused> {
        let faults = |(line, errors)| RowFaults { line, errors: faults("", errors).collect() };
        let refused: Vec<RowFaults> = refused.into_iter().map(faults).collect();
        self.totals.count(&stored, &refused);
        match sink {
            Sink::Summary(summary) => {
                summary.count(&stored, &refused);
                let room = TOLD.saturating_sub(summary.errors.len());
                summary.errors.extend(refused.into_iter().take(room));
            }
            Sink::Lines(lines) => {
                for line in told(&stored, &refused) {
                    let gone = |_| Refused::malformed("nobody listens any more");
                    lines.send(line).await.map_err(gone)?;
                }
            }
        }
        Ok(())
    }
}

/// How many of `lines` are a batch, if there are enough of them.
fn full(lines: &[Line]) -> Option<usize> {
    let mut bytes = 0;
    let full = lines.iter().position(|line| {
        bytes += line.bytes.as_ref().map_or(0, Vec::len);
        bytes >= BATCH_BYTES
    });
    full.map(|last| last + 1).or(Some(BATCH).filter(|_| lines.len() >= BATCH)).map(|full| full.min(BATCH))
}

enum Read {
    Row(Vec<RowError>),
    Header(Refused),
}

enum Stored {
    /// Another unit was first.
    Raced,
    Refused(Refused),
}

impl From<Refused> for Stored {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<SubjectError> for Stored {
    fn from(error: SubjectError) -> Self {
        match error {
            SubjectError::Store(StoreError::Taken { .. } | StoreError::Raced(_)) => Self::Raced,
            error => Self::Refused(error.into()),
        }
    }
}

impl From<RecordError> for Stored {
    fn from(error: RecordError) -> Self {
        Self::Refused(error.into())
    }
}

impl ImportSummary {
    fn count(&mut self, stored: &Batch, refused: &[RowFaults]) {
        for (_, outcome) in &stored.outcomes {
            match outcome {
                Outcome::Accepted => self.accepted += 1,
                Outcome::Updated => self.updated += 1,
                Outcome::Unchanged => self.unchanged += 1,
            }
        }
        self.refused += refused.len() as u64;
    }
}

impl Sink {
    async fn fail(&mut self, refused: &Refused) {
        if let (Self::Lines(lines), Refused::Problem(problem, _)) = (self, refused) {
            let problem = json!({ "problem": problem });
            let _gone = lines.send(format!("{problem}\n")).await;
        }
    }
}

fn told(stored: &Batch, refused: &[RowFaults]) -> Vec<String> {
    let outcome = |outcome: Outcome| match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Updated => "updated",
        Outcome::Unchanged => "unchanged",
    };
    let kept =
        stored.outcomes.iter().map(|(line, of)| (*line, json!({ "line": line, "outcome": outcome(*of) })));
    let lost = refused.iter().map(|row| {
        (row.line, json!({ "line": row.line, "outcome": "refused", "errors": row.errors.to_json() }))
    });
    let mut lines: Vec<_> = kept.chain(lost).collect();
    lines.sort_by_key(|(line, _)| *line);
    lines.into_iter().map(|(_, line)| format!("{line}\n")).collect()
}
