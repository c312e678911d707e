use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use ward::audit::Events;
use ward::audit::keeping::KeptYears;
use ward::crypto::Vault;
use ward::kernel::{Clock, Entity, Machine, Operation};
use ward::rbac::{Denied, Permit, Policy};
use ward::subject::Catalogue;
use ward::{Credentials, Earlier, Once, Reading, Sequencer, Store, Unit};
use ward_postgres::Postgres;

use crate::archived::Archived;
use crate::audit_export::Places;
use crate::auth::Caller;
use crate::config::Mode;
use crate::custodian::Dark;
use crate::delivered::Delivered;
use crate::due::Work;
use crate::erasure::ledger::{Erased, Owing};
use crate::gate::Gate;
use crate::http::problem::{Refused, in_flight};
use crate::http::reply::{Answer, Kept};
use crate::import::Share;
use crate::probe::canary::Canaries;
use crate::probe::unrecorded::Unrecorded;
use crate::profile::Profile;
use crate::refusals::Refusals;
use crate::routes::Routes;
use crate::sequencing::Stuck;
use crate::usage::Usage;
use crate::witnessed::Witnessed;

/// Everything a handler may need.
pub(crate) struct App {
    pub(crate) store: Arc<Postgres>,
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) sequencer: Sequencer,
    /// Logs that don't grow, and why.
    pub(crate) stuck: Stuck,
    /// Tenants whose keys can't be had.
    pub(crate) dark: Dark,
    /// For how long logs are kept; for good, if nobody says.
    pub(crate) keep: Option<KeptYears>,
    /// Who cosigns heads of logs.
    pub(crate) witnessed: Vec<Witnessed>,
    /// Where heads of logs are put for others to see.
    pub(crate) archived: Option<Archived>,
    /// Where it is written down who was erased.
    pub(crate) erased: Option<Erased>,
    /// Tenants that aren't served before people are erased again.
    pub(crate) owing: Owing,
    /// For how many days backups are kept, if anybody said.
    pub(crate) kept_days: Option<u32>,
    /// To whom logs are delivered.
    pub(crate) delivered: Vec<Delivered>,
    pub(crate) vault: Vault,
    pub(crate) policy: Policy,
    pub(crate) profile: Profile,
    pub(crate) catalogue: Catalogue,
    pub(crate) machine: Arc<dyn Machine>,
    pub(crate) refusals: Refusals,
    pub(crate) usage: Usage,
    pub(crate) gate: Gate,
    /// Whether a key service outside holds the root: what it doesn't give now it may give later.
    pub(crate) rooted_elsewhere: bool,
    /// Whether another root, in a file of this machine, unwraps what it wrapped.
    pub(crate) beside_here: bool,
    /// Whether the settings let any tenant bring a key.
    pub(crate) tenants_bring: bool,
    pub(crate) mode: Mode,
    pub(crate) region: String,
    pub(crate) canaries: Canaries,
    pub(crate) unrecorded: Unrecorded,
    /// Held while a check runs: checks share their canaries, and each needs connections to spare.
    pub(crate) turn: tokio::sync::Mutex<()>,
    pub(crate) imports: Share,
    pub(crate) exports: Places,
    /// Known once they are served.
    pub(crate) routes: OnceLock<Routes>,
    pub(crate) document: OnceLock<Value>,
    pub(crate) address: OnceLock<SocketAddr>,
}

impl App {
    /// Where heads of logs are shown.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &dyn Work> {
        let witnessed = self.witnessed.iter().map(|witness| witness as _);
        witnessed.chain(self.archived.iter().map(|archived| archived as _))
    }

    /// What is done with logs outside.
    pub(crate) fn outside(&self) -> impl Iterator<Item = &dyn Work> {
        self.shown().chain(self.delivered.iter().map(|sink| sink as _))
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.machine
    }

    /// Asks the policy, and logs its refusals.
    pub(crate) async fn permit(&self, who: &Caller, what: &'static Operation) -> Result<Permit, Refused> {
        match self.policy.permit(&who.0.who, what) {
            Ok(permit) => Ok(permit),
            Err(denied) => Err(self.denied(denied).await),
        }
    }

    /// Logs a refusal, and says so.
    pub(crate) async fn denied(&self, denied: Denied) -> Refused {
        match self.store.refuse(&denied).await {
            Ok(()) => denied.into(),
            Err(error) => error.into(),
        }
    }

    /// Asks again whether the caller's credential is good: what streams may outlive it.
    pub(crate) async fn recheck(&self, who: &Caller) -> Result<(), Refused> {
        let holder = self.credentials.api_key(who.0.credential).await?;
        let good = holder.is_some_and(|holder| holder.is_good(self.clock().now()));
        if good { Ok(()) } else { Err(Refused::unauthenticated()) }
    }

    /// Reads the caller's tenant.
    pub(crate) async fn read(
        &self,
        who: &Caller,
        what: &'static Operation,
    ) -> Result<Box<dyn Reading>, Refused> {
        let permit = self.permit(who, what).await?;
        Ok(self.store.read(permit).await?)
    }

    /// Begins a unit in the caller's tenant. A request that was answered before ends here, with that answer.
    pub(crate) async fn begin(
        &self,
        who: &Caller,
        what: &'static Operation,
        request: &[u8; 32],
    ) -> Result<Act, Refused> {
        let permit = self.permit(who, what).await?;
        let once = who.0.once.filter(|_| what.idempotent).map(|key| once(what, key, request));
        let mut unit = self.store.begin(permit).await?;
        if let Some(once) = &once {
            match unit.claim(once).await? {
                Earlier::None => {}
                Earlier::Answered(answer) => return Err(replayed(&answer)),
                Earlier::InFlight => return Err(in_flight()),
                Earlier::Different => {
                    return Err(Refused::at("", "the idempotency key was used for another request"));
                }
            }
        }
        Ok(Act { unit, once })
    }

    /// Logs that what the caller asked for isn't there, and says so: a foreign id and an unknown one are the same.
    pub(crate) async fn absent(&self, denied: Denied) -> Refused {
        match self.store.refuse(&denied).await {
            Ok(()) => Refused::absent(),
            Err(error) => error.into(),
        }
    }
}

fn once(what: &'static Operation, key: [u8; 32], request: &[u8; 32]) -> Once {
    let scoped = Sha256::new_with_prefix(what.id).chain_update([0]).chain_update(key);
    Once { key: scoped.finalize().into(), request: *request }
}

fn replayed(answer: &[u8]) -> Refused {
    match serde_json::from_slice::<Kept>(answer) {
        Ok(kept) => Refused::Replayed(Box::new(kept)),
        Err(error) => Refused::logged(&error),
    }
}

/// A unit, and the request that must have its effect once only.
pub(crate) struct Act {
    unit: Box<dyn Unit>,
    once: Option<Once>,
}

impl Act {
    /// Commits `events`, the changes they explain and, for an idempotent request, the answer.
    pub(crate) async fn commit<A: Answer>(
        mut self,
        events: impl Into<Events>,
        answer: A,
    ) -> Result<A, Refused> {
        if let Some(once) = &self.once {
            let kept = serde_json::to_vec(&answer.kept()).map_err(|error| Refused::logged(&error))?;
            self.unit.keep(once, &kept).await?;
        }
        self.unit.commit(events).await?;
        Ok(answer)
    }

    /// Ends the unit, leaving nothing, because what the caller asked for isn't there.
    pub(crate) fn absent(self, entity: impl Into<Entity>) -> Denied {
        self.unit.absent(entity)
    }
}

impl Deref for Act {
    type Target = dyn Unit;

    fn deref(&self) -> &Self::Target {
        &*self.unit
    }
}

impl DerefMut for Act {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.unit
    }
}
