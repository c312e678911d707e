//! The ledger of erasures and the database, held against each other: at the start and ever after, since a database may be put back
//! beneath a server that runs. What the ledger has and the database hasn't is done again before anybody is served.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ward::kernel::{Operation, Requires, TenantId, Uuid, authority};
use ward::rbac::Permit;
use ward::{
    Beyond, ERASER, EraseError, ErasureBook as _, ErasureEntry, ErasureLedger, LedgerError, Owed,
    REPLAY_ERASURE, Store as _, enter, look_beyond, replay,
};

use crate::app::App;
use crate::custodian::is_dark;
use crate::heads::Failure;
use crate::logs;

/// Reads the deployment's keys, to write and read the ledger.
pub(crate) static ENTER_ERASURES: Operation = Operation {
    id: "enterErasures",
    requires: Requires::Job(ERASER),
    events: &[],
    writes: false,
    discloses: false,
    controls: &["C8"],
    rate: "job",
    idempotent: false,
};

/// How many are owed at most that can be told apart.
const MOST: u32 = 10_000;
/// After this, what isn't in the ledger is told to whoever relies on it.
const LATE: TimeDelta = TimeDelta::minutes(15);
/// How often it is looked whether there are erasures that the ledger lacks.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// The ledger, and what this replica has seen of it.
pub(crate) struct Erased {
    ledger: Box<dyn ErasureLedger>,
    /// The last number that the database knew: one that knows less was put back.
    last: AtomicU64,
    /// Since when entries can't be written.
    failing: Mutex<Option<DateTime<Utc>>>,
    /// Why it couldn't be looked at, while that is so: it is told once.
    told: Mutex<Option<String>>,
}

/// Tenants of which erasures are owed that can't be done yet, as their keys can't be had: they are served when they were done.
#[derive(Debug, Default)]
pub(crate) struct Owing(Mutex<HashSet<TenantId>>);

impl Owing {
    /// Whether the tenant isn't to be served.
    pub(crate) fn holds(&self, tenant: TenantId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&tenant)
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn learn(&self, owing: HashSet<TenantId>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = owing;
    }
}

impl Erased {
    pub(crate) fn new(ledger: impl ErasureLedger + 'static) -> Self {
        Self {
            ledger: Box::new(ledger),
            last: AtomicU64::new(0),
            failing: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// The ledger itself.
    pub(crate) fn ledger(&self) -> &dyn ErasureLedger {
        &*self.ledger
    }

    /// Whether entries haven't been written for long.
    pub(crate) fn is_late(&self, now: DateTime<Utc>) -> bool {
        let failing = *self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.is_some_and(|since| now - since >= LATE)
    }

    /// Tells why the ledger couldn't be looked at, unless that was told last, or that it could again.
    fn tell(&self, failed: Option<String>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match &failed {
            Some(error) if failed != *told => {
                tracing::error!(
                    error,
                    "the ledger of erasures can't be looked at: a restore wouldn't be noticed"
                );
            }
            None if told.is_some() => tracing::info!("the ledger of erasures can be looked at again"),
            _ => {}
        }
        *told = failed;
    }

    /// Notes whether entries could be written, and answers whether that is news.
    fn note(&self, failed: bool, now: DateTime<Utc>) -> bool {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = failing.is_some() != failed;
        *failing = failed.then(|| failing.unwrap_or(now));
        is_news
    }
}

impl App {
    /// Has the database do again what the ledger has beyond it. What can't be known is an error, and then nobody is to be served.
    pub(crate) async fn settle_erasures(&self) -> Result<(), Failure> {
        let Some(erased) = &self.erased else { return Ok(()) };
        let keys = self.store.read(eraser(self, TenantId::DEPLOYMENT, &ENTER_ERASURES)?).await?.keys();
        look_beyond(erased.ledger(), &*self.store, keys.ledger(), true).await?;
        let mut owing = HashSet::new();
        loop {
            let mut owed = self.store.owed(MOST).await?;
            let all = owed.len();
            owed.retain(|owed| !owing.contains(&owed.tenant));
            if owed.is_empty() && all < MOST as usize {
                break;
            } else if owed.is_empty() {
                return Err("too many erasures are owed of tenants whose keys can't be had".into());
            }
            for owed in owed {
                if owing.contains(&owed.tenant) {
                    continue;
                }
                match self.erase_again(erased, owed).await {
                    Err(failure) if is_dark(&*failure) => {
                        owing.insert(owed.tenant);
                        tracing::error!(tenant = %Uuid::from(owed.tenant), "a tenant's keys can't be had, so people it erased aren't yet: it isn't served");
                    }
                    done => done?,
                }
            }
        }
        self.owing.learn(owing);
        erased.last.fetch_max(self.store.last_entered().await?, Ordering::AcqRel);
        Ok(())
    }

    /// What is owed is read again where the ledger has it: the database's word for it erases nobody.
    async fn erase_again(&self, erased: &Erased, owed: Owed) -> Result<(), Failure> {
        let keys = self.store.read(eraser(self, TenantId::DEPLOYMENT, &ENTER_ERASURES)?).await?.keys();
        let text = erased.ledger().text(owed.number).await?.ok_or(LedgerError::Missing(owed.number))?;
        let entry = ErasureEntry::read(&text, owed.number, keys.ledger());
        let entry = entry.filter(|entry| (entry.tenant, entry.subject) == (owed.tenant, owed.subject));
        let entry = entry.ok_or(LedgerError::Forged(owed.number))?;
        if self.store.is_founded(owed.tenant).await? {
            let mut unit = self.store.begin(eraser(self, owed.tenant, &REPLAY_ERASURE)?).await?;
            match replay(&mut *unit, &entry, self.kept_days, self.clock().now()).await {
                Ok(Some(events)) => {
                    unit.commit(events).await?;
                    let (tenant, number) = (Uuid::from(owed.tenant), owed.number);
                    tracing::warn!(%tenant, number, "somebody who came back out of a backup was erased again");
                    return Ok(());
                }
                Ok(None) | Err(EraseError::Absent) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // Another replica was faster, or the backup is from before they were known.
        Ok(self.store.settle(owed.tenant, owed.subject).await?)
    }

    /// Looks whether the ledger goes on where the database ends, and closes the gate where it does.
    pub(crate) async fn follow_erasures(&self) -> Result<(), Failure> {
        let Some(erased) = &self.erased else { return Ok(()) };
        let last = self.store.last_entered().await?;
        let before = erased.last.fetch_max(last, Ordering::AcqRel);
        if last < before {
            self.unsettle("the database knows less of the ledger than before: it was put back");
            // What it lacks is told by the ledger; only a new look tells how far it is.
            erased.last.store(0, Ordering::Release);
            return Ok(());
        }
        // Another replica may have read the ledger first: then the database knows its numbers again, and not yet what they say.
        if self.store.owed(MOST).await?.iter().any(|owed| !self.owing.holds(owed.tenant)) {
            self.unsettle("the database has erasures that are still to be done again: it was put back");
            return Ok(());
        }
        let keys = self.store.read(eraser(self, TenantId::DEPLOYMENT, &ENTER_ERASURES)?).await?.keys();
        let looked = look_beyond(erased.ledger(), &*self.store, keys.ledger(), false).await;
        // What was seen whole stays so, whatever becomes of the ledger meanwhile.
        erased.tell(looked.as_ref().err().map(|error| logs::causes(error)));
        match looked {
            Ok(Beyond::Erasures) => {
                self.unsettle("the ledger has erasures that the database hasn't: it was put back");
            }
            Ok(Beyond::Nothing) if !self.owing.is_empty() => self.settle_erasures().await?,
            Ok(Beyond::Nothing) | Err(_) => {}
        }
        Ok(())
    }

    fn unsettle(&self, why: &str) {
        self.gate.settle(false);
        tracing::error!("{why}; nothing is served until they are done again");
    }
}

/// Writes into the ledger what it lacks.
pub(crate) async fn keep(app: &App) -> Result<(), Failure> {
    let Some(erased) = &app.erased else { return Ok(()) };
    // One that was put back has nothing to say before that is settled.
    if !app.gate.is_open() {
        return Ok(());
    }
    let entered = write(app, erased).await;
    let now = app.clock().now();
    match entered {
        Ok(Beyond::Nothing) => {
            if erased.note(false, now) {
                tracing::info!("erasures are entered into the ledger again");
            }
        }
        Ok(Beyond::Erasures) => {
            app.unsettle("the ledger has erasures that the database hasn't: it was put back")
        }
        Err(failure) => {
            if erased.note(true, now) {
                tracing::warn!(
                    error = logs::causes(&*failure),
                    "erasures can't be entered into the ledger: trying on"
                );
            }
        }
    }
    Ok(())
}

async fn write(app: &App, erased: &Erased) -> Result<Beyond, Failure> {
    if app.store.to_enter(1).await?.is_empty() {
        return Ok(Beyond::Nothing);
    }
    let keys = app.store.read(eraser(app, TenantId::DEPLOYMENT, &ENTER_ERASURES)?).await?.keys();
    Ok(enter(erased.ledger(), &*app.store, keys.ledger()).await?)
}

fn eraser(app: &App, tenant: TenantId, operation: &'static Operation) -> Result<Permit, Failure> {
    #[expect(clippy::disallowed_methods, reason = "this is the job")]
    let job = Arc::new(authority::system(tenant, ERASER));
    Ok(app.policy.permit(&job, operation).map_err(|denied| denied.to_string())?)
}
