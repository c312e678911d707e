//! `/imports`

mod run;

use std::sync::Arc;

use futures::stream;
use poem::http::{HeaderMap, header};
use poem::{Body as Stream, IntoResponse, Response};
use poem_openapi::param::Query;
use poem_openapi::payload::{Binary, Json, Payload as _};
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type as _;
use poem_openapi::{ApiRequest, Object, OpenApi};
use tokio::sync::mpsc;
use ward::subject::IMPORT_DATA;
use ward::subject::import::{Mapping, Syntax};

use crate::app::App;
use crate::auth::Caller;
use crate::http::problem::{Fault, Refused};
use crate::http::reply::Shown;
use crate::subject::Kind;
use crate::tag::Tag;
use run::{Import, Sink};

const NDJSON: &str = "application/x-ndjson";

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Imports")]
impl Api {
    /// Import many subjects and their records
    ///
    /// A stream of any length, row by row: each is accepted, updates what is there, changes nothing, or is refused with
    /// its line and the reasons; a bad row never stops a good one. Rows are stored in batches, each with its audit
    /// events; when the connection is lost, sending the same file again completes it, and what was stored changes no
    /// more. With `Accept: application/x-ndjson` every row is answered as soon as it is stored.
    #[oai(path = "/imports", method = "post", operation_id = "importData")]
    async fn import(
        &self,
        caller: Caller,
        headers: &HeaderMap,
        /// What the rows are; decides which columns there may be.
        kind: Query<Kind>,
        body: ImportBody,
    ) -> Result<Imported, Refused> {
        let _permitted = self.0.permit(&caller, &IMPORT_DATA).await?;
        let (syntax, body) = match body {
            ImportBody::Csv(body) => (Syntax::Csv, body.0),
            ImportBody::Ndjson(body) => (Syntax::Ndjson, body.0),
        };
        let import = Import::new(self.0.clone(), caller, Mapping::standard(kind.0.into()), syntax);
        let streamed = headers.get(header::ACCEPT).is_some_and(|accept| accept == NDJSON);
        if streamed {
            let (sender, lines) = mpsc::channel(16);
            tokio::spawn(import.run(body, Sink::Lines(sender)));
            return Ok(Imported::Lines(lines));
        }
        match import.run(body, Sink::Summary(Box::default())).await? {
            Sink::Summary(summary) => Ok(Imported::Whole(Shown(*summary))),
            Sink::Lines(_) => Err(Refused::unavailable("unavailable", "the import was cut short")),
        }
    }
}

#[derive(ApiRequest)]
enum ImportBody {
    /// Comma-separated, with a header (RFC 4180).
    #[oai(content_type = "text/csv")]
    Csv(Binary<Stream>),
    /// One JSON object a line; the columns are its keys.
    #[oai(content_type = "application/x-ndjson")]
    Ndjson(Binary<Stream>),
}

/// What became of an import.
#[derive(Debug, Default, Object)]
pub(crate) struct ImportSummary {
    /// Rows that added a subject.
    pub(crate) accepted: u64,
    /// Rows that changed one.
    pub(crate) updated: u64,
    /// Rows that say what is stored already.
    pub(crate) unchanged: u64,
    /// Rows that were not stored.
    pub(crate) refused: u64,
    /// The first thousand refused rows.
    pub(crate) errors: Vec<RowFaults>,
}

/// What is wrong with one row.
#[derive(Clone, Debug, Object)]
pub(crate) struct RowFaults {
    /// The line it starts on, from 1.
    pub(crate) line: u64,
    /// What is wrong; a pointer names the column.
    pub(crate) errors: Vec<Fault>,
}

/// The answer, whole or row by row.
pub(crate) enum Imported {
    Whole(Shown<ImportSummary>),
    Lines(mpsc::Receiver<String>),
}

impl IntoResponse for Imported {
    fn into_response(self) -> Response {
        match self {
            Self::Whole(summary) => summary.into_response(),
            Self::Lines(lines) => {
                let lines = stream::unfold(lines, |mut lines| async {
                    let line = lines.recv().await?;
                    Some((Ok::<_, std::io::Error>(line.into_bytes()), lines))
                });
                Response::builder().content_type(NDJSON).body(Stream::from_bytes_stream(lines))
            }
        }
    }
}

impl poem_openapi::ApiResponse for Imported {
    fn meta() -> MetaResponses {
        let line = MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        let content = vec![
            MetaMediaType { content_type: "application/json", schema: Json::<ImportSummary>::schema_ref() },
            MetaMediaType { content_type: NDJSON, schema: line },
        ];
        let description = "What became of the rows: all together or, if asked for, one line of JSON each.";
        let response =
            MetaResponse { description, status: Some(200), status_range: None, content, headers: vec![] };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        ImportSummary::register(registry);
    }
}
