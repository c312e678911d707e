//! The log as a tree, for whoever verifies it: proofs, checkpoints, tiles and keys.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::Request;
use poem::http::StatusCode;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Binary, PlainText};
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;
use ward::Reading;
use ward::audit::log::{self, CHECKPOINT, KEY, NoProof, PROVE_CONSISTENCY, Proof, TILE, Which};
use ward::audit::sequence::{Head, LogKeys as _};
use ward::audit::tree::{Hash, Tile, TileKind};
use ward::audit::{ENTRIES_READ, ENTRY_READ, Event, PROVE_EVENT, READ_ENTRIES};
use ward::kernel::EventId;

use crate::app::App;
use crate::auth::Caller;
use crate::http::given::{Given, Size};
use crate::http::problem::Refused;
use crate::http::reply::Shown;
use crate::tag::Tag;

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Audit")]
impl Api {
    /// Prove that an entry is in the log
    ///
    /// The hashes lead from the entry to the root that the checkpoint signs
    /// ([RFC 6962, 2.1.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1.1)): whoever has the log's key can verify it without
    /// asking anybody. 409 where the entry has no place yet, as in the first second. The reading itself is logged.
    #[oai(path = "/audit/events/:id/proof", method = "get", operation_id = "proveAuditEvent")]
    async fn prove(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        /// Up to the last checkpoint that witnesses have cosigned.
        witnessed: Query<Option<bool>>,
    ) -> Result<Shown<ProofView>, Refused> {
        let (id, which) = (EventId::from(id.0), which(&witnessed));
        let mut reading = self.0.read(&caller, &PROVE_EVENT).await?;
        let proof = match log::prove_entry(&mut *reading, id, which).await {
            Err(NoProof::Unplaced) => {
                reading = self.0.read_log(&caller, &PROVE_EVENT).await?;
                log::prove_entry(&mut *reading, id, which).await
            }
            proof => proof,
        };
        let proof = match proof {
            Err(NoProof::Absent) => return Err(self.0.absent(reading.absent(id)).await),
            proof => proof?,
        };

        reading.disclose(Event::of(&PROVE_EVENT, ENTRY_READ, id)).await?;

        Ok(Shown(proof.into()))
    }

    /// Show the head of the log
    ///
    /// A signed note ([C2SP tlog-checkpoint](https://c2sp.org/tlog-checkpoint)): name, size and root of the log. One that was kept
    /// shows later whether the log has only grown.
    #[oai(path = "/audit/checkpoint", method = "get", operation_id = "auditCheckpoint")]
    async fn checkpoint(
        &self,
        caller: Caller,
        /// The last that witnesses have cosigned, with their cosignatures.
        witnessed: Query<Option<bool>>,
    ) -> Result<PlainText<String>, Refused> {
        let mut reading = self.0.read(&caller, &CHECKPOINT).await?;
        Ok(PlainText(self.head(&caller, &mut reading, which(&witnessed)).await?.note))
    }

    /// Prove that the log only grew
    ///
    /// The hashes show that the log of `from` entries is the beginning of that of `to`
    /// ([RFC 6962, 2.1.2](https://www.rfc-editor.org/rfc/rfc6962#section-2.1.2)). 404 where `to` is beyond the log, or `from` beyond `to`.
    #[oai(path = "/audit/consistency", method = "get", operation_id = "proveAuditConsistency")]
    async fn consistency(
        &self,
        caller: Caller,
        /// The size before.
        from: Query<Given<Size>>,
        /// The size after: not larger than that of the checkpoint.
        to: Query<Given<Size>>,
    ) -> Result<Shown<ConsistencyView>, Refused> {
        let (from, to) = (from.0.0, to.0.0);
        let mut reading = self.0.read(&caller, &PROVE_CONSISTENCY).await?;
        let path = log::prove_consistency(&mut *reading, from, to).await?;
        Ok(Shown(ConsistencyView { from, to, path: written(&path) }))
    }

    /// Show a tile of the log
    ///
    /// Hashes, as [C2SP tlog-tiles](https://c2sp.org/tlog-tiles) has them: `{tile}` is `<level>/<index>`, with `.p/<width>` for a
    /// tile that isn't full; its slashes stand for themselves.
    #[oai(path = "/audit/tile/*tile", method = "get", operation_id = "auditTile")]
    async fn tile(&self, caller: Caller, request: &Request) -> Result<Binary<Vec<u8>>, Refused> {
        let mut reading = self.0.read(&caller, &TILE).await?;
        let tile =
            asked(request).filter(|tile| tile.kind != TileKind::Entries).ok_or_else(Refused::absent)?;
        Ok(Binary(log::tile(&mut *reading, tile).await?))
    }

    /// Show a tile of entries of the log
    ///
    /// Their exact texts, as [C2SP tlog-tiles](https://c2sp.org/tlog-tiles) has them: `{tile}` is `<index>`, with `.p/<width>` for a
    /// tile that isn't full; its slashes stand for themselves. What is personal in an entry is a commitment. Entries that are no
    /// longer kept are answered with 404, as a problem of the type `pruned` that names the first that is; their hashes stay. The reading
    /// itself is logged.
    #[oai(path = "/audit/tile/entries/*tile", method = "get", operation_id = "auditEntries")]
    async fn entries(&self, caller: Caller, request: &Request) -> Result<Binary<Vec<u8>>, Refused> {
        let mut reading = self.0.read(&caller, &READ_ENTRIES).await?;
        let tile = asked(request).ok_or_else(Refused::absent)?;
        let entries = log::tile(&mut *reading, tile).await?;

        let tenant = reading.writer().tenant();
        reading.disclose(Event::of(&READ_ENTRIES, ENTRIES_READ, tenant).noting("tile", tile)).await?;

        Ok(Binary(entries))
    }

    /// Show what verifies the log
    ///
    /// A verifier key a line, as [C2SP signed-note](https://c2sp.org/signed-note) writes them, the newest first. Keep them where
    /// you keep what you trust: a key that was asked for together with what it verifies shows nothing.
    #[oai(path = "/audit/key", method = "get", operation_id = "auditKey")]
    async fn key(&self, caller: Caller) -> Result<PlainText<String>, Refused> {
        let mut reading = self.0.read(&caller, &KEY).await?;
        let head = self.head(&caller, &mut reading, Which::Latest).await?;
        let signers = reading.keys().signers(&head.checkpoint.origin, self.0.clock().now());
        let signers = signers.map_err(|error| Refused::logged(&error))?;
        Ok(PlainText(signers.iter().map(|signer| format!("{}\n", signer.key())).collect()))
    }

    /// The head of the caller's log. A log has one as soon as anybody has a key to ask for it.
    async fn head(
        &self,
        caller: &Caller,
        reading: &mut Box<dyn Reading>,
        which: Which,
    ) -> Result<Head, Refused> {
        match log::head(&mut **reading, which).await {
            Err(NoProof::Unplaced) => {
                *reading = self.0.read_log(caller, &CHECKPOINT).await?;
                Ok(log::head(&mut **reading, which).await?)
            }
            head => Ok(head?),
        }
    }
}

/// The tile that a request asks for in the one way in which it is written: not in another encoding, which is decoded on the way here.
fn asked(request: &Request) -> Option<Tile> {
    request.original_uri().path().split_once("/audit/tile/")?.1.parse().ok()
}

fn which(witnessed: &Option<bool>) -> Which {
    if *witnessed == Some(true) { Which::Witnessed } else { Which::Latest }
}

/// An entry, and the proof that it is in the log.
#[derive(Object)]
pub(crate) struct ProofView {
    /// Its exact text: RFC 8785 canonical JSON.
    entry: String,
    /// Its place, counted from 0.
    leaf_index: u64,
    /// How many entries the log has in the checkpoint.
    tree_size: u64,
    /// SHA-256 of a zero byte and the entry, in base64.
    leaf_hash: String,
    /// The hashes beside it, from the leaf's side to the root's, in base64.
    path: Vec<String>,
    /// The signed note that the path leads to.
    checkpoint: String,
}

/// That the log only grew.
#[derive(Object)]
struct ConsistencyView {
    /// The size before.
    from: u64,
    /// The size after.
    to: u64,
    /// The hashes that show it, in base64.
    path: Vec<String>,
}

impl From<Proof> for ProofView {
    fn from(Proof { entry, index, path, head }: Proof) -> Self {
        Self {
            leaf_hash: STANDARD.encode(Hash::leaf(entry.as_bytes()).0),
            entry,
            leaf_index: index,
            tree_size: head.checkpoint.size,
            path: written(&path),
            checkpoint: head.note,
        }
    }
}

/// Hashes in base64.
pub(crate) fn written(path: &[Hash]) -> Vec<String> {
    path.iter().map(|hash| STANDARD.encode(hash.0)).collect()
}

impl From<NoProof> for Refused {
    fn from(error: NoProof) -> Self {
        match error {
            NoProof::Absent | NoProof::Beyond => Self::absent(),
            error @ NoProof::Pruned { .. } => Self::new(StatusCode::NOT_FOUND, "pruned", error),
            NoProof::Unplaced => Self::conflict("not-yet-sequenced", error),
            NoProof::Store(error) => error.into(),
            error => Self::logged(&error),
        }
    }
}
