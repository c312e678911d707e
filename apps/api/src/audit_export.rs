//! `/audit/export`: the log as CSV, streamed.

use std::sync::Arc;

use futures::stream;
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::Query;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::ToJSON as _;
use poem_openapi::{Enum, OpenApi};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use ward::Store as _;
use ward::audit::{EXPORT, EXPORT_COMPLETED, EXPORT_STARTED, Event, Found, Search};
use ward::rbac::Permit;

use crate::app::App;
use crate::audit_event::EventView;
use crate::auth::Caller;
use crate::http::given::{Given, Instant};
use crate::http::problem::Refused;
use crate::tag::Tag;

const CSV: &str = "text/csv; charset=utf-8; header=present";
const PAGE: u32 = 500;
const HEADER: &str = "id,index,time,actor_kind,actor_id,roles,action,outcome,reason,operation,entity_kind,entity_id,covers,changes,\
                      discloses,details,ip,user_agent,request_id,trace_id\r\n";

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Audit")]
impl Api {
    /// Export the audit log
    ///
    /// Newest first, as CSV ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)) in which no cell is a formula to a
    /// spreadsheet. The export is in the log before its first byte is sent and, with count and digest, after its last.
    #[oai(path = "/audit/export", method = "get", operation_id = "exportAudit")]
    async fn export(
        &self,
        caller: Caller,
        /// The format.
        format: Query<Format>,
        /// Not before this time.
        from: Query<Option<Given<Instant>>>,
        /// Before this time.
        to: Query<Option<Given<Instant>>>,
    ) -> Result<Exported, Refused> {
        let Format::Csv = format.0;
        let permit = self.0.permit(&caller, &EXPORT).await?;
        let search = Search { from: from.0.map(|at| at.0), to: to.0.map(|at| at.0), ..Search::default() };
        let reading = self.0.store.read(permit).await?;
        let tenant = reading.writer().tenant();
        reading.disclose(Event::of(&EXPORT, EXPORT_STARTED, tenant).noting("format", "csv")).await?;
        self.0.catch_up(tenant).await?;

        let (sender, chunks) = mpsc::channel(4);
        let export = Export { app: self.0.clone(), caller, search, sender, digest: Sha256::new(), count: 0 };
        tokio::spawn(async move {
            if let Err(refused) = export.run().await {
                tracing::error!(?refused, "an export was cut short");
            }
        });
        Ok(Exported(chunks))
    }
}

/// How to write it.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum Format {
    /// Comma-separated.
    Csv,
}

struct Export {
    app: Arc<App>,
    caller: Caller,
    search: Search,
    sender: mpsc::Sender<Result<Vec<u8>, std::io::Error>>,
    digest: Sha256,
    count: u64,
}

impl Export {
    async fn run(mut self) -> Result<(), Refused> {
        let sent = self.pages().await;
        if let Err(refused) = sent {
            // A body that just ends would look whole.
            let _gone = self.sender.send(Err(std::io::Error::other("cut short"))).await;
            return Err(refused);
        }
        Ok(())
    }

    async fn pages(&mut self) -> Result<(), Refused> {
        let tenant = self.caller.0.who.tenant();
        if !self.send(HEADER.to_owned()).await {
            return Ok(());
        }
        let mut below = None;
        loop {
            self.app.recheck(&self.caller).await?;
            let mut reading = self.app.store.read(self.permit()?).await?;
            let keys = reading.keys();
            let Found { entries, reached } = reading.entries(&self.search, below, PAGE).await?;
            self.count += entries.len() as u64;
            let rows: String =
                entries.into_iter().map(|entry| row(EventView::of(entry, tenant, &keys))).collect();
            if !self.send(rows).await {
                return Ok(());
            }
            match reached {
                Some(place) => below = Some(place),
                None => break,
            }
        }
        let digest: String =
            self.digest.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let completed =
            Event::of(&EXPORT, EXPORT_COMPLETED, tenant).noting("count", self.count).noting("sha256", digest);
        self.app.store.read(self.permit()?).await?.disclose(completed).await?;
        Ok(())
    }

    async fn send(&mut self, text: String) -> bool {
        self.digest.update(text.as_bytes());
        self.sender.send(Ok(text.into_bytes())).await.is_ok()
    }

    fn permit(&self) -> Result<Permit, Refused> {
        Ok(self.app.policy.permit(&self.caller.0.who, &EXPORT)?)
    }
}

fn row(event: EventView) -> String {
    let id = |id: Option<uuid::Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let cells = [
        event.id.to_string(),
        event.index.to_string(),
        event.time.to_string(),
        event.actor.kind,
        id(event.actor.id),
        event.actor.roles.join(" "),
        event.action,
        event.outcome,
        event.reason.unwrap_or_default(),
        event.operation,
        event.entity.kind,
        event.entity.id.to_string(),
        event.covers.to_json_string(),
        event.changes.to_string(),
        event.discloses.to_json_string(),
        event.details.to_string(),
        event.source.ip.unwrap_or_default(),
        event.source.user_agent.unwrap_or_default(),
        event.source.request_id,
        event.source.trace_id.unwrap_or_default(),
    ];
    let cells: Vec<_> = cells.iter().map(|text| cell(text)).collect();
    format!("{}\r\n", cells.join(","))
}

/// Quoted where RFC 4180 needs it; with an apostrophe before what a spreadsheet would take for a formula, also behind what
/// it may take for the end of a cell.
fn cell(text: &str) -> String {
    let (mut safe, mut begins) = (String::with_capacity(text.len()), true);
    for character in text.chars() {
        if begins
            && matches!(character, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠')
        {
            safe.push('\'');
        }
        begins = matches!(character, ';' | '|' | '\t' | '\r' | '\n');
        safe.push(character);
    }
    let quoted = safe.len() > text.len() || safe.contains([',', '"', ';', '\r', '\n']);
    if quoted { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

/// The log, as it is read.
pub(crate) struct Exported(mpsc::Receiver<Result<Vec<u8>, std::io::Error>>);

impl IntoResponse for Exported {
    fn into_response(self) -> Response {
        let chunks = stream::unfold(self.0, |mut chunks| async { Some((chunks.recv().await?, chunks)) });
        Response::builder()
            .content_type(CSV)
            .header("content-disposition", "attachment; filename=\"audit.csv\"")
            .body(Body::from_bytes_stream(chunks))
    }
}

impl poem_openapi::ApiResponse for Exported {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let content = vec![MetaMediaType { content_type: CSV, schema }];
        let description = "The log, a header first.";
        let response =
            MetaResponse { description, status: Some(200), status_range: None, content, headers: vec![] };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, safe) in [
            ("plain", "plain"),
            ("=1+1", "\"'=1+1\""),
            ("＝1", "\"'＝1\""),
            ("@x", "\"'@x\""),
            ("a,\"b\"", "\"a,\"\"b\"\"\""),
            ("a\r\nb", "\"a\r'\nb\""),
            ("a;=1;2|@x", "\"a;'=1;2|'@x\""),
        ] {
            assert_eq!(cell(text), safe);
        }
    }
}
