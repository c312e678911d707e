//! `/imports`

mod batches;
mod pipeline;
mod report;
mod run;
mod share;

use std::sync::Arc;

use futures::stream;
use poem::http::StatusCode;
use poem::web::Accept;
use poem::{Body as Stream, IntoResponse, Request, RequestBody, Response};
use poem_openapi::param::Query;
use poem_openapi::payload::{Binary, Json, Payload as _};
use poem_openapi::registry::{
    MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type as _;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object, OpenApi};
use tokio::sync::mpsc;
use tracing::Instrument as _;
use ward::subject::IMPORT_DATA;
use ward::subject::import::{Mapping, Syntax};

use crate::app::App;
use crate::auth::Caller;
use crate::http::body::refuse_coded;
use crate::http::problem::{Fault, Refused};
use crate::http::reply::Shown;
use crate::subject::Kind;
use crate::tag::Tag;
use report::Report;
use run::Import;
pub(crate) use share::Share;

const CSV: &str = "text/csv";
const NDJSON: &str = "application/x-ndjson";
const JSON: &str = "application/json";

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Imports")]
impl Api {
    /// Import many subjects and their records
    ///
    /// A stream of any length, row by row: each is accepted, updates what is there, changes nothing, or is refused with
    /// its line and the reasons; a bad row never stops a good one. Rows are stored in batches of at most 500, fewer where
    /// the body pauses, each with its audit events. When an import ends early, what was answered is stored and what
    /// follows may be: sending the same file again completes it, and what was stored changes no more. With `Accept:
    /// application/x-ndjson` every row is answered as soon as it is stored, in order; a line `problem` ends an answer
    /// that is not whole. A row is `unchanged` if its person was last imported by the same row. In the log stand
    /// `import.started` and `import.ended`, with the counts, and with the reason where it ended early.
    #[oai(path = "/imports", method = "post", operation_id = "importData")]
    async fn import(
        &self,
        caller: Caller,
        accept: Accept,
        /// What the rows are; decides which columns there may be.
        kind: Query<Kind>,
        body: ImportBody,
    ) -> Result<Imported, Refused> {
        let _permitted = self.0.permit(&caller, &IMPORT_DATA).await?;
        let ImportBody { syntax, body } = body;
        let mapping = Mapping::standard(kind.0.into());
        let (sender, lines) = wants_lines(&accept).then(|| mpsc::channel(16)).unzip();
        let import = Import::new(self.0.clone(), caller, mapping, syntax, Report::new(sender));
        // It goes on to its end, whole or not, when its sender doesn't wait for that.
        let run = tokio::spawn(import.run(body).in_current_span());
        match lines {
            Some(lines) => Ok(Imported::Lines(lines)),
            None => Ok(Imported::Whole(Shown(run.await.map_err(|error| Refused::logged(&error)).flatten()?))),
        }
    }
}

/// Whether the caller would rather have a line for each row than all rows together.
fn wants_lines(accept: &Accept) -> bool {
    let mut taken =
        accept.0.iter().filter(|kind| kind.get_param("q").is_none_or(|q| q.as_str().parse() != Ok(0.0)));
    let known = taken.find_map(|kind| match kind.essence_str() {
        NDJSON => Some(true),
        JSON | "application/*" | "*/*" => Some(false),
        _ => None,
    });
    known.unwrap_or_default()
}

/// Rows: comma-separated, with a header (RFC 4180); or one JSON object a line, whose keys are the columns.
struct ImportBody {
    syntax: Syntax,
    body: Stream,
}

impl<'r> ApiExtractor<'r> for ImportBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let content = |content_type| MetaMediaType { content_type, schema: Binary::<Stream>::schema_ref() };
        Some(MetaRequest { description: None, content: [CSV, NDJSON].map(content).into(), required: true })
    }

    /// Whatever parameters the media type has: rows that aren't UTF-8 are refused one by one.
    async fn from_request(
        request: &'r Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        refuse_coded(request)?;
        let given = request.content_type().and_then(|kind| kind.split(';').next()).unwrap_or_default();
        let syntax = match given.trim().to_ascii_lowercase().as_str() {
            CSV => Syntax::Csv,
            NDJSON => Syntax::Ndjson,
            _ => return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into()),
        };
        Ok(Self { syntax, body: body.take()? })
    }
}

/// What became of an import.
#[derive(Debug, Default, Object)]
pub(crate) struct ImportSummary {
    /// Rows that added a subject.
    pub(crate) accepted: u64,
    /// Rows that changed one.
    pub(crate) updated: u64,
    /// Rows that were the last to be imported for their person, and say nothing new.
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
            MetaMediaType { content_type: JSON, schema: Json::<ImportSummary>::schema_ref() },
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
