use std::fmt::Write as _;

use poem::http::StatusCode;
use poem_openapi::types::ToJSON as _;
use serde_json::json;
use tokio::sync::mpsc;
use ward::subject::import::{Batch, Outcome};

use super::{ImportSummary, RowFaults};
use crate::fields::faults;
use crate::http::problem::Refused;

/// Refused rows told in a summary.
const TOLD: usize = 1_000;

/// What is told of an import: how many rows came to what, and which were refused, or what became of each on a line.
pub(super) struct Report {
    pub(super) summary: ImportSummary,
    lines: Option<mpsc::Sender<String>>,
}

impl Report {
    /// Whoever asked for lines gets them as soon as the rows are stored; refused rows are in the summary otherwise.
    pub(super) fn new(lines: Option<mpsc::Sender<String>>) -> Self {
        Self { summary: ImportSummary::default(), lines }
    }

    /// Tells what became of some rows.
    pub(super) async fn tell(&mut self, mut stored: Batch) -> Result<(), Refused> {
        let faults = |(line, errors)| RowFaults { line, errors: faults("", errors).collect() };
        let refused: Vec<RowFaults> = std::mem::take(&mut stored.refused).into_iter().map(faults).collect();
        self.summary.count(&stored, &refused);
        let Some(lines) = &self.lines else {
            let room = TOLD.saturating_sub(self.summary.errors.len());
            self.summary.errors.extend(refused.into_iter().take(room));
            return Ok(());
        };
        for line in told(&stored, &refused) {
            lines.send(line).await.map_err(|_| Refused::malformed("nobody listens any more"))?;
        }
        Ok(())
    }

    /// Tells why there are no more rows, and what the import had come to by then.
    pub(super) async fn fail(&self, refused: Refused, request: &str) -> Refused {
        let Refused::Problem(mut problem, headers) = refused else { return refused };
        let ImportSummary { accepted, updated, unchanged, refused, .. } = &self.summary;
        if problem.status == StatusCode::SERVICE_UNAVAILABLE {
            problem.detail = "the import ended early; sending it again completes it".to_owned();
        }
        let _ = write!(
            problem.detail,
            " (rows until then: {accepted} accepted, {updated} updated, {unchanged} unchanged, {refused} refused)"
        );
        if let Some(lines) = &self.lines {
            problem.instance = Some(request.to_owned());
            let _gone = lines.send(format!("{}\n", json!({ "problem": problem }))).await;
        }
        Refused::Problem(problem, headers)
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
