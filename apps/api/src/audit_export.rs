//! `/audit/export`: the log, streamed in the format that whoever reads it needs.

mod cef;
mod csv;
mod fhir;
mod format;
mod json;
pub(crate) mod live;
mod ndjson;
mod ocsf;
mod outlet;
mod page;
mod patients;
mod places;
mod proof;
mod run;
mod verb;

use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;

use futures::stream;
use poem::{Body, IntoResponse, Response};
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type as _;
use tokio::sync::mpsc::Receiver;
use ward::audit::Search;

use self::format::Format;
use self::outlet::Piece;
pub(crate) use self::places::Places;
use self::run::{Asked, Export};
use crate::app::App;
use crate::auth::Caller;
use crate::http::given::{Given, Instant, Size};
use crate::http::problem::Refused;
use crate::tag::Tag;

const SIZE: &str = "ward-log-size";

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Audit")]
impl Api {
    /// Export the audit log
    ///
    /// Every entry once, newest first, up to the size that the log has when it begins, which `Ward-Log-Size` tells. The export is in
    /// the log before its first byte is sent and, with count and SHA-256, after its last; one that is cut short ends with an
    /// error. The same request with that `size` gives the same bytes, while no key is destroyed; with `proof`, it gives what
    /// `ward verify` needs to hold them against the log's signature, offline. Few exports of a tenant may be under way at a time, and
    /// one of which nothing is taken for a minute is cut short.
    ///
    /// - `csv`: [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180), a header first; no cell is a formula to a spreadsheet, unless `raw` is asked for.
    /// - `ndjson`: a JSON object a line, the entry as `showAuditEvent` shows it, with its exact text and the hash of its leaf.
    /// - `ocsf`: an event of the [Open Cybersecurity Schema Framework](https://schema.ocsf.io/1.4.0/) 1.4 a line, as JSON.
    /// - `fhir`: an [AuditEvent](https://hl7.org/fhir/R4/auditevent.html) of FHIR R4 a line, after
    ///   [IHE BALP](https://profiles.ihe.net/ITI/BALP/) where the entry holds what a profile asks for.
    /// - `cef`: a line of syslog ([RFC 5424](https://www.rfc-editor.org/rfc/rfc5424)) that holds an event of the Common Event Format.
    #[oai(path = "/audit/export", method = "get", operation_id = "exportAudit")]
    #[expect(clippy::too_many_arguments, reason = "one for each choice")]
    async fn export(
        &self,
        caller: Caller,
        /// The format.
        format: Query<Format>,
        /// Not before this time.
        from: Query<Option<Given<Instant>>>,
        /// Before this time.
        to: Query<Option<Given<Instant>>>,
        /// With `csv`: each cell as it is, for programs. A spreadsheet may take one for a formula.
        raw: Query<Option<bool>>,
        /// What the log was when it had so many entries.
        size: Query<Option<Given<Size>>>,
        /// Not the export itself but its proof, as NDJSON: a signed checkpoint; each entry's exact text and the hashes that lead from it to
        /// the checkpoint; and the proven entry in which the log says how many lines were exported and with which SHA-256.
        proof: Query<Option<bool>>,
    ) -> Result<Exported, Refused> {
        let format = format.0;
        let raw = raw.0.unwrap_or_default();
        if raw && format != Format::Csv {
            return Err(Refused::at("?raw", "goes with `csv` alone"));
        }
        let search = Search { from: from.0.map(|at| at.0), to: to.0.map(|at| at.0), ..Search::default() };
        let (size, proof) = (size.0.map(|size| size.0), proof.0.unwrap_or_default());
        let asked = Asked { format, raw, search, size, proof };
        let export = Export::begin(self.0.clone(), caller, asked).await?;
        let (outlet, pieces) = outlet::open();
        let size = export.size();
        tokio::spawn(export.run(outlet));
        let (content_type, file) = if proof {
            (ndjson::CONTENT_TYPE, format!("{}.proof", format.file()))
        } else {
            (format.content_type(), format.file().to_owned())
        };
        Ok(Exported { content_type, file, size, pieces })
    }
}

/// The log, as it is read.
pub(crate) struct Exported {
    content_type: &'static str,
    file: String,
    size: u64,
    pieces: Receiver<Piece>,
}

impl IntoResponse for Exported {
    fn into_response(self) -> Response {
        let pieces = stream::unfold(self.pieces, next);
        Response::builder()
            .content_type(self.content_type)
            .header("content-disposition", format!("attachment; filename=\"{}\"", self.file))
            .header(SIZE, self.size)
            .body(Body::from_bytes_stream(pieces))
    }
}

/// The next piece, unless that is the end. An export that breaks off takes its connection with it: after an error in a body, poem
/// polls the connection once more, and hyper then ends the body as if it were whole.
async fn next(mut pieces: Receiver<Piece>) -> Option<(io::Result<Vec<u8>>, Receiver<Piece>)> {
    match pieces.recv().await {
        Some(Piece::Bytes(bytes)) => Some((Ok(bytes), pieces)),
        Some(Piece::End) => None,
        None => resume_unwind(Box::new("an export was cut short")),
    }
}

impl poem_openapi::ApiResponse for Exported {
    fn meta() -> MetaResponses {
        let mut formats = Format::ALL.to_vec();
        formats.dedup_by_key(|format| format.content_type());
        let content = |format: Format| MetaMediaType {
            content_type: format.content_type(),
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
        };
        let size = MetaHeader {
            name: SIZE.to_owned(),
            description: Some("How many entries the log had when the export began.".to_owned()),
            required: true,
            deprecated: false,
            schema: u64::schema_ref(),
        };
        let response = MetaResponse {
            description: "The log, newest first.",
            status: Some(200),
            status_range: None,
            content: formats.into_iter().map(content).collect(),
            headers: vec![size],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}
