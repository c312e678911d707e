//! `/subjects/{id}/erasure`

pub(crate) mod ledger;
mod view;
pub(crate) mod work;

use std::sync::Arc;

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use uuid::Uuid;
use ward::kernel::SubjectId;
use ward::{ERASE_SUBJECT, EraseError, SHOW_ERASURE, erase};

use crate::app::App;
use crate::auth::Caller;
use crate::http::body::Body;
use crate::http::problem::Refused;
use crate::http::reply::Shown;
use crate::tag::Tag;
use view::{ErasureView, Why};

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Subjects")]
impl Api {
    /// Erase a subject
    ///
    /// Their key is destroyed, and with it everything that it sealed, in the database as in the audit log; what they could be found by and the
    /// records about them are removed, and what is left is looked for in the same transaction. It can't be undone. Backups hold
    /// the key until they expire: from `effective_at` on nobody can read anything. Whoever was erased is answered as before.
    #[oai(path = "/subjects/:id/erasure", method = "post", operation_id = "eraseSubject")]
    async fn erase(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        body: Body<Why>,
    ) -> Result<Shown<ErasureView>, Refused> {
        let id = SubjectId::from(id.0);
        let mut act = self.0.begin(&caller, &ERASE_SUBJECT, &body.digest_with(id.into())).await?;

        let why = (body.value.reason.into(), self.0.kept_days);
        match erase(&mut *act, id, why, self.0.clock().now()).await {
            Ok((done, events)) => act.commit(events, Shown(done.into())).await,
            Err(EraseError::Absent) => Err(self.0.absent(act.absent(id)).await),
            Err(EraseError::Store(error)) => Err(error.into()),
            Err(error) => Err(Refused::logged(&error)),
        }
    }

    /// Show the record of a subject's erasure
    ///
    /// What was destroyed, when and how, what a look found afterwards, when no backup holds it any more, and whether the ledger
    /// has it, by which it is done again after a restore.
    #[oai(path = "/subjects/:id/erasure", method = "get", operation_id = "showErasure")]
    async fn show(&self, caller: Caller, id: Path<Uuid>) -> Result<Shown<ErasureView>, Refused> {
        let id = SubjectId::from(id.0);
        let mut reading = self.0.read(&caller, &SHOW_ERASURE).await?;

        match reading.erasure(id).await? {
            Some(done) => Ok(Shown(done.into())),
            None => Err(self.0.absent(reading.absent(id)).await),
        }
    }
}
