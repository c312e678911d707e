//! Heads of logs, put where others see them. The archive is all that is remembered of what was put there: a log is looked at until its
//! newest head is seen to lie there.

use std::time::Duration;

use async_trait::async_trait;
use ward::Store as _;
use ward::audit::archive::{Archive, Archived as Put, Unarchived, archive};
use ward::audit::note::{Checkpoint, InvalidNote, Note};
use ward::audit::sequence::LogKeys as _;
use ward::kernel::{Operation, TenantId};

use crate::app::App;
use crate::due::{Done, Due, Work};
use crate::heads::{self, Failure};
use crate::sequencing::Stuck;

/// Puts the head of a log where others see it.
pub(crate) static ARCHIVE_LOG: Operation = heads::job("archiveLog", &[], false);

/// How long a head may lie nowhere else.
const PAUSE: Duration = Duration::from_secs(10);
const LATE: &str = "the newest head of a log couldn't be archived for a quarter of an hour";

/// Where heads are put, and what is left to do.
pub(crate) struct Archived {
    archive: Box<dyn Archive>,
    due: Due,
    /// Logs of which the archive holds another, and how.
    pub(crate) wrong: Stuck,
}

impl Archived {
    pub(crate) fn new(archive: impl Archive + 'static) -> Self {
        let due = Due::new("archiving the heads of logs", LATE, PAUSE);
        Self { archive: Box::new(archive), due, wrong: Stuck::default() }
    }

    /// How many entries the newest head counts that lies there of a log.
    pub(crate) async fn size(&self, origin: &str) -> Result<u64, Failure> {
        let there = self.archive.text(&format!("{origin}/checkpoint")).await?;
        let size = there.map(|note| Ok::<_, InvalidNote>(Checkpoint::parse(&Note::parse(&note)?)?.size));
        Ok(size.transpose()?.unwrap_or(0))
    }
}

#[async_trait]
impl Work for Archived {
    fn due(&self) -> &Due {
        &self.due
    }

    async fn work(&self, app: &App, log: TenantId) -> Result<Done, Failure> {
        let put = put(app, &*self.archive, log).await;
        let contradicted = match &put {
            Ok(_) => None,
            Err(failure) => match failure.downcast_ref::<Unarchived>() {
                Some(failure) if failure.is_contradicted() => Some(failure as _),
                _ => return put, // what can't be reached takes nothing back
            },
        };
        self.wrong.note(log, contradicted);
        put.or(Ok(Done::Some))
    }
}

async fn put(app: &App, to: &dyn Archive, tenant: TenantId) -> Result<Done, Failure> {
    let mut reading = app.store.read(heads::permit(app, tenant, &ARCHIVE_LOG)?).await?;
    let origin = heads::origin(app, tenant, &mut *reading).await?;
    let keys = reading.keys().verifiers(&origin)?;
    match archive(to, &mut *reading, (&origin, &keys)).await? {
        Put::Whole => Ok(Done::All),
        Put::Put => Ok(Done::Some),
    }
}
