//! Heads of logs, put where others see them. The archive is all that is remembered of what was put there: a log is looked at as long
//! as its newest head isn't seen to lie there, after every start, and once an hour whether it grew or not.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use ward::Store as _;
use ward::audit::archive::{Archive, Archived as Done, Unarchived, archive};
use ward::kernel::{Operation, TenantId, Uuid};

use crate::app::App;
use crate::heads::{self, Failure};
use crate::logs;
use crate::sequencing::Stuck;

/// Puts the head of a log where others see it.
pub(crate) static ARCHIVE_LOG: Operation = heads::job("archiveLog", &[], false);

/// How long a head may lie nowhere else, and how many times rarer every log is looked at.
const PAUSE: Duration = Duration::from_secs(10);
const ALL: u32 = 360;
/// Logs that are looked at at once.
const AT_ONCE: usize = 8;

/// Where heads are put, and what is left to do.
pub(crate) struct Archived {
    archive: Box<dyn Archive>,
    due: Mutex<HashSet<TenantId>>,
    /// Whether the last round failed: that it does is logged once.
    failing: AtomicBool,
    /// Logs of which the archive holds another, and how.
    pub(crate) wrong: Stuck,
}

impl Archived {
    pub(crate) fn new(archive: impl Archive + 'static) -> Self {
        Self {
            archive: Box::new(archive),
            due: Mutex::default(),
            failing: AtomicBool::new(false),
            wrong: Stuck::default(),
        }
    }

    /// Has these logs looked at.
    pub(crate) fn grew(&self, logs: impl IntoIterator<Item = TenantId>) {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).extend(logs);
    }

    fn due(&self) -> HashSet<TenantId> {
        std::mem::take(&mut *self.due.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Logs that archiving began to fail, or no longer does.
    fn note(&self, failure: Option<String>) {
        let failed = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !failed => tracing::warn!(error, "heads of logs can't be archived: trying on"),
            None if failed => tracing::info!("heads of logs are archived again"),
            _ => {}
        }
    }
}

/// Archives heads of logs as they grow, if they are archived at all.
pub(crate) async fn keep(app: Arc<App>) {
    let Some(archived) = &app.archived else { return };
    for round in 0_u32.. {
        let mut failure = None;
        if round % ALL == 0 {
            match app.tenants().await {
                Ok(all) => archived.grew(all),
                Err(error) => failure = Some(logs::causes(&error)),
            }
        }
        let looks = stream::iter(archived.due()).map(|tenant| look(&app, archived, tenant));
        let failures: Vec<_> = looks.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
        archived.note(failure.or(failures.into_iter().next()));
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks after one log, and says what failed that may go better next time.
async fn look(app: &App, archived: &Archived, tenant: TenantId) -> Option<String> {
    let failure = match put(app, archived, tenant).await {
        Ok(done) => {
            archived.wrong.note(tenant, None);
            archived.grew((done == Done::Put).then_some(tenant));
            return None;
        }
        Err(failure) => failure,
    };
    archived.grew([tenant]);
    match failure.downcast_ref::<Unarchived>().filter(|failure| failure.is_contradicted()) {
        Some(wrong) => archived.wrong.note(tenant, Some(wrong)),
        None => {
            let error = logs::causes(&*failure);
            tracing::debug!(tenant = %Uuid::from(tenant), error, "a head isn't archived");
            return Some(error);
        }
    }
    None
}

async fn put(app: &App, archived: &Archived, tenant: TenantId) -> Result<Done, Failure> {
    let mut reading = app.store.read(heads::permit(app, tenant, &ARCHIVE_LOG)?).await?;
    let (origin, keys) = heads::keys_of(app, tenant, &mut *reading).await?;
    Ok(archive(&*archived.archive, &mut *reading, (&origin, &keys)).await?)
}
