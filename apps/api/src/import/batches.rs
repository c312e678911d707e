use std::sync::Arc;

use ward::Store as _;
use ward::audit::{Event, Events, RecordError};
use ward::kernel::StoreError;
use ward::rbac::Permit;
use ward::subject::import::{Batch, ImportRow, Importer, batch};
use ward::subject::{IMPORT_DATA, SubjectError};

use crate::app::App;
use crate::auth::Caller;
use crate::http::problem::Refused;

/// Somebody else, such as an import of another replica, may take a name first: then it is found on the next try.
const TRIES: u32 = 5;

/// Stores batches of rows, each in a unit of its own, for whoever sent them.
#[derive(Clone)]
pub(super) struct Batches {
    app: Arc<App>,
    caller: Caller,
}

impl Batches {
    pub(super) fn new(app: Arc<App>, caller: Caller) -> Self {
        Self { app, caller }
    }

    /// Stores `rows`, if their sender may still do so.
    ///
    /// A batch that another was in the way of is tried again while no other batch of the tenant is under way here: of many
    /// imports of the same people, whatever their order, each ends.
    pub(super) async fn store(self, rows: Vec<ImportRow>) -> Result<Batch, Refused> {
        if rows.is_empty() {
            self.app.recheck(&self.caller).await?;
            return Ok(Batch::default());
        }
        for again in 0..TRIES {
            let (share, tenant) = (&self.app.imports, self.caller.0.who.tenant());
            let _room = if again == 0 { share.one(tenant).await } else { share.alone(tenant).await };
            self.app.recheck(&self.caller).await?;
            match self.attempt(&rows).await {
                Err(Failed::Raced) => {}
                Err(Failed::Refused(refused)) => return Err(refused),
                Ok(batch) => return Ok(batch),
            }
        }
        Err(Refused::conflict("taken", "somebody else stores the same subjects"))
    }

    /// Records something about the import as a whole.
    pub(super) async fn record(&self, event: Event) -> Result<(), Refused> {
        self.app.store.begin(self.permit()?).await?.commit(event).await?;
        Ok(())
    }

    async fn attempt(&self, rows: &[ImportRow]) -> Result<Batch, Failed> {
        let mut unit = self.app.store.begin(self.permit()?).await.map_err(Refused::from)?;
        let keys = unit.keys();
        let importer = Importer {
            operation: &IMPORT_DATA,
            tenant: self.caller.0.who.tenant(),
            now: self.app.clock().now(),
            ids: &*self.app.machine,
            digests: &|row| keys.import().digests(row),
        };
        let mut stored = batch(&mut *unit, &importer, rows).await?;
        if let Some(events) = Events::all(std::mem::take(&mut stored.events)) {
            unit.commit(events).await?;
        }
        Ok(stored)
    }

    fn permit(&self) -> Result<Permit, Refused> {
        Ok(self.app.policy.permit(&self.caller.0.who, &IMPORT_DATA)?)
    }
}

enum Failed {
    /// Another unit was first.
    Raced,
    Refused(Refused),
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<SubjectError> for Failed {
    fn from(error: SubjectError) -> Self {
        match error {
            SubjectError::Store(StoreError::Taken { .. } | StoreError::Raced(_)) => Self::Raced,
            error => Self::Refused(error.into()),
        }
    }
}

impl From<RecordError> for Failed {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => SubjectError::Store(error).into(),
            error => Self::Refused(error.into()),
        }
    }
}
