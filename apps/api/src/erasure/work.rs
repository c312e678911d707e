//! The ledger of erasures and the database, held against each other: at the start and ever after, since a database may be put back
//! beneath a server that runs. What the ledger has and the database hasn't is done again before anybody is served.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ward::kernel::{Operation, Requires, TenantId, Uuid, authority};
use ward::rbac::Permit;
use ward::{
    Beyond, ERASER, EraseError, ErasureBook as _, ErasureEntry, LedgerError, Owed, REPLAY_ERASURE,
    Store as _, enter, look_beyond, replay,
};

use super::ledger::Erased;
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

/// How many that are owed of a tenant are read at once.
const MOST: u32 = 1_000;
/// How often it is looked whether there are erasures that the ledger lacks.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

impl App {
    /// Has the database do again what the ledger has beyond it. What can't be known is an error, and then nobody is to be served.
    pub(crate) async fn settle_erasures(&self) -> Result<(), Failure> {
        let Some(erased) = &self.erased else { return Ok(()) };
        let keys = self.store.read(eraser(self, TenantId::DEPLOYMENT, &ENTER_ERASURES)?).await?.keys();
        look_beyond(erased.ledger(), &*self.store, keys.ledger(), true).await?;
        let mut owing = HashSet::new();
        for tenant in self.store.owing().await? {
            match self.erase_all_again(erased, tenant).await {
                Err(failure) if is_dark(&*failure) => {
                    owing.insert(tenant);
                }
                done => done?,
            }
        }
        for tenant in self.owing.learn(owing) {
            tracing::error!(tenant = %Uuid::from(tenant), "a tenant's keys can't be had, so people it erased aren't yet: it isn't served");
        }
        erased.last.fetch_max(self.store.last_entered().await?, Ordering::AcqRel);
        Ok(())
    }

    async fn erase_all_again(&self, erased: &Erased, tenant: TenantId) -> Result<(), Failure> {
        loop {
            let owed = self.store.owed(tenant, MOST).await?;
            if owed.is_empty() {
                return Ok(());
            }
            for owed in owed {
                self.erase_again(erased, owed).await?;
            }
        }
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
        if self.store.owing().await?.iter().any(|tenant| !self.owing.holds(*tenant)) {
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
    match entered {
        Ok(Beyond::Nothing) => {
            if erased.note(false) {
                tracing::info!("erasures are entered into the ledger again");
            }
        }
        Ok(Beyond::Erasures) => {
            app.unsettle("the ledger has erasures that the database hasn't: it was put back")
        }
        Err(failure) => {
            if erased.note(true) {
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
