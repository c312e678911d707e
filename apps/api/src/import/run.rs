use std::sync::Arc;

use futures::StreamExt as _;
use poem::Body as Stream;
use ward::Store as _;
use ward::audit::{Event, Events, RecordError};
use ward::kernel::StoreError;
use ward::rbac::Permit;
use ward::subject::import::{Batch, ImportRow, Importer, Line, Mapping, RowError, Rows, Syntax, batch};
use ward::subject::{IMPORT_COMPLETED, IMPORT_DATA, IMPORT_STARTED, SubjectError};

use super::ImportSummary;
use super::report::Report;
use crate::app::App;
use crate::auth::Caller;
use crate::fields::faults;
use crate::http::problem::Refused;

/// Rows stored together, as long as they have no more bytes than [`BATCH_BYTES`] together.
const BATCH: usize = 500;
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// Rows read before others get a turn.
const TURN: usize = 16;
/// Another import may take a name first: then it is found on the next try.
const TRIES: u32 = 3;

pub(super) struct Import {
    app: Arc<App>,
    caller: Caller,
    mapping: Mapping,
    syntax: Syntax,
    header: Option<Vec<String>>,
    report: Report,
}

impl Import {
    pub(super) fn new(
        app: Arc<App>,
        caller: Caller,
        mapping: Mapping,
        syntax: Syntax,
        report: Report,
    ) -> Self {
        Self { app, caller, mapping, syntax, header: None, report }
    }

    /// Reads the stream to its end, and stores batch by batch.
    pub(super) async fn run(mut self, body: Stream) -> Result<ImportSummary, Refused> {
        match self.store_all(body).await {
            Ok(()) => Ok(self.report.summary),
            Err(refused) => {
                self.report.fail(&refused).await;
                Err(refused)
            }
        }
    }

    async fn store_all(&mut self, body: Stream) -> Result<(), Refused> {
        let tenant = self.caller.0.who.tenant();
        self.commit_alone(Event::of(&IMPORT_DATA, IMPORT_STARTED, tenant)).await?;
        let (mut rows, mut lines, mut body) = (Rows::new(self.syntax), Vec::new(), body.into_bytes_stream());
        while let Some(chunk) = body.next().await {
            let chunk =
                chunk.map_err(|_| Refused::malformed("the body was cut short; what was stored is stored"))?;
            rows.feed(&chunk, &mut lines);
            while let Some(full) = full(&lines) {
                let rest = lines.split_off(full);
                self.store(std::mem::replace(&mut lines, rest)).await?;
            }
        }
        rows.finish(&mut lines);
        self.store(lines).await?;
        if self.syntax == Syntax::Csv && self.header.is_none() {
            return Err(Refused::at("", "a header line is needed"));
        }
        let ImportSummary { accepted, updated, unchanged, refused, .. } = &self.report.summary;
        let completed = Event::of(&IMPORT_DATA, IMPORT_COMPLETED, tenant)
            .noting("accepted", accepted)
            .noting("updated", updated)
            .noting("unchanged", unchanged)
            .noting("refused", refused);
        self.commit_alone(completed).await
    }

    async fn store(&mut self, lines: Vec<Line>) -> Result<(), Refused> {
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
        self.report.tell(stored, refused).await
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
}

/// How many of `lines` make a batch, if there are enough of them.
fn full(lines: &[Line]) -> Option<usize> {
    let mut bytes = 0;
    let is_full = |(n, line): (usize, &Line)| {
        bytes += line.bytes.as_ref().map_or(0, Vec::len);
        n + 1 == BATCH || bytes >= BATCH_BYTES
    };
    lines.iter().enumerate().position(is_full).map(|last| last + 1)
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
        match error {
            RecordError::Store(error) => SubjectError::Store(error).into(),
            error => Self::Refused(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize, bytes: usize) -> Vec<Line> {
        (0..count as u64).map(|number| Line { number, bytes: Ok(vec![b'x'; bytes]) }).collect()
    }

    #[test]
    fn a_batch_is_bounded_in_rows_and_in_bytes() {
        let row = BATCH_BYTES / 8;
        for (count, bytes, expected) in [
            (BATCH - 1, 1, None),
            (BATCH, 1, Some(BATCH)),
            (3 * BATCH, 0, Some(BATCH)),
            (7, row, None),
            (3 * BATCH, row, Some(8)),
            (1, 2 * BATCH_BYTES, Some(1)),
        ] {
            assert_eq!(full(&lines(count, bytes)), expected, "{count} rows of {bytes} bytes");
        }
        let unread = (0..3).map(|number| Line { number, bytes: Err("too long") });
        assert_eq!(full(&unread.collect::<Vec<_>>()), None);
    }
}
