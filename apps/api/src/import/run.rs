use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use hyper::body::Bytes;
use poem::Body;
use tokio::time::sleep;
use ward::audit::Event;
use ward::kernel::TenantId;
use ward::subject::import::{ImportRow, Line, Mapping, RowError, Rows, Syntax};
use ward::subject::{IMPORT_DATA, IMPORT_ENDED, IMPORT_STARTED};

use super::ImportSummary;
use super::batches::Batches;
use super::pipeline::Pipeline;
use super::report::Report;
use crate::app::App;
use crate::auth::Caller;
use crate::fields::faults;
use crate::http::problem::Refused;

/// Rows stored together, as long as they have no more bytes than [`BATCH_BYTES`] together.
const BATCH: usize = 500;
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// How long the rest of a batch is waited for.
const PAUSE: Duration = Duration::from_millis(250);
/// Rows read before others get a turn.
const TURN: usize = 16;

pub(super) struct Import {
    app: Arc<App>,
    tenant: TenantId,
    request: String,
    mapping: Mapping,
    syntax: Syntax,
    header: Option<Vec<String>>,
    batches: Batches,
    pipeline: Pipeline,
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
        let (tenant, request) = (caller.0.who.tenant(), caller.0.who.source().request.clone());
        let batches = Batches::new(app.clone(), caller);
        let pipeline = Pipeline::default();
        Self { app, tenant, request, mapping, syntax, header: None, batches, pipeline, report }
    }

    /// Reads the stream to its end, and stores batch by batch.
    pub(super) async fn run(mut self, body: Body) -> Result<ImportSummary, Refused> {
        match self.store_all(body).await {
            Ok(()) => Ok(self.report.summary),
            Err(refused) => {
                // What is under way may be stored already.
                let _also = self.finish().await;
                let _unless_the_store_is_gone = self.end(Some(&refused)).await;
                Err(self.report.fail(refused, &self.request).await)
            }
        }
    }

    /// Logs what the import came to, and why it ended early, if it did.
    async fn end(&self, early: Option<&Refused>) -> Result<(), Refused> {
        let ImportSummary { accepted, updated, unchanged, refused, .. } = &self.report.summary;
        let event = Event::of(&IMPORT_DATA, IMPORT_ENDED, self.tenant)
            .noting("accepted", accepted)
            .noting("updated", updated)
            .noting("unchanged", unchanged)
            .noting("refused", refused)
            .noting("whole", early.is_none());
        let why = early.and_then(Refused::kind);
        self.batches.record(why.iter().fold(event, |event, why| event.noting("reason", why))).await
    }

    async fn store_all(&mut self, body: Body) -> Result<(), Refused> {
        self.batches.record(Event::of(&IMPORT_DATA, IMPORT_STARTED, self.tenant)).await?;
        let (mut rows, mut lines, mut body) = (Rows::new(self.syntax), Vec::new(), body.into_bytes_stream());
        loop {
            match self.next_of(&mut body, !lines.is_empty()).await? {
                Next::Bytes(chunk) => rows.feed(&chunk, &mut lines),
                Next::Pause => self.store(std::mem::take(&mut lines)).await?,
                Next::End => break,
            }
            while let Some(full) = full(&lines) {
                let rest = lines.split_off(full);
                self.store(std::mem::replace(&mut lines, rest)).await?;
            }
        }
        rows.finish(&mut lines);
        self.store(lines).await?;
        self.finish().await?;
        if self.syntax == Syntax::Csv && self.header.is_none() {
            return Err(Refused::at("", "a header line is needed"));
        }
        self.end(None).await
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
        let names = rows.iter().filter_map(|row| row.subject.external_ref.clone()).collect();
        while !self.pipeline.admits(&names) {
            self.tell_next().await?;
        }
        self.pipeline.push(names, refused, self.batches.clone().store(rows));
        Ok(())
    }

    /// What the body does next; meanwhile, what was stored is told. While rows are `waiting`, a pause is something too:
    /// their sender may be waiting for the answer.
    async fn next_of(
        &mut self,
        body: &mut (impl Stream<Item = io::Result<Bytes>> + Unpin),
        waiting: bool,
    ) -> Result<Next, Refused> {
        let cut = |_| Refused::malformed("the body was cut short; what was stored is stored");
        loop {
            tokio::select! {
                chunk = body.next() => return Ok(chunk.transpose().map_err(cut)?.map_or(Next::End, Next::Bytes)),
                () = sleep(PAUSE), if waiting => return Ok(Next::Pause),
                Some(batch) = self.pipeline.next() => self.report.tell(batch?).await?,
            }
        }
    }

    /// Tells what became of everything under way.
    async fn finish(&mut self) -> Result<(), Refused> {
        while self.tell_next().await? {}
        Ok(())
    }

    async fn tell_next(&mut self) -> Result<bool, Refused> {
        let Some(batch) = self.pipeline.next().await else { return Ok(false) };
        self.report.tell(batch?).await?;
        Ok(true)
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

enum Next {
    Bytes(Bytes),
    Pause,
    End,
}

enum Read {
    Row(Vec<RowError>),
    Header(Refused),
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
