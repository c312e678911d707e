mod watch;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ward_audit::{Change, Event};
use ward_crypto::{KeyId, KeyPurpose, StoredKeys, TenantKeys, WrappedKey};
use ward_identity::Creator;
use ward_kernel::{Action, Operation, Place, Requires, StoreError, TenantId};

use crate::Unit;

pub use watch::{
    Entrusted, KEY_REFUSED, KEY_RESTORED, KeyMessage, KeyState, KeyWatch, Seen, WATCH_KEYS, Watched,
};

/// Another service wraps a tenant's key from now on.
pub const KEY_TRANSFERRED: Action = Action::new("key.transferred");

/// Lists a tenant's keys.
pub static LIST_KEYS: Operation =
    Operation { controls: &["C5"], ..Operation::read("listKeys", "keys.read", &[]) };

/// Has a key service of the tenant's own wrap its key.
pub static BRING_KEY: Operation = Operation {
    controls: &["C5", "A1"],
    ..Operation::change("bringKey", "keys.transfer", &[KEY_TRANSFERRED])
};

/// Has the deployment's wrap it again.
pub static GIVE_BACK_KEY: Operation = Operation {
    controls: &["C5", "A1"],
    ..Operation::change("giveBackKey", "keys.transfer", &[KEY_TRANSFERRED])
};

/// The deployment's root wraps a tenant's key that another root wrapped before.
pub const KEY_REWRAPPED: Action = Action::new("key.rewrapped");

/// Has the deployment's root wrap what another wrapped before.
pub static FOLLOW_ROOT: Operation = Operation {
    id: "followRoot",
    requires: Requires::Job("custodian"),
    events: &[KEY_REWRAPPED],
    writes: true,
    discloses: false,
    controls: &["C4"],
    rate: "job",
    idempotent: false,
};

/// A tenant's keys as they are stored, all but its subjects', and who wraps its own.
#[derive(Clone, Debug)]
pub struct Custody {
    /// The keys, and the address of the service if it is the tenant's own.
    pub stored: StoredKeys,
    /// When each was made.
    pub made: Vec<(KeyId, DateTime<Utc>)>,
    /// Since when the tenant's own service wraps them.
    pub since: Option<DateTime<Utc>>,
}

/// A key service that a tenant brings.
#[derive(Clone, Debug)]
pub struct Bringing {
    /// Where it is.
    pub address: String,
    /// By whom.
    pub by: Creator,
    /// Whom to tell that it is gone, sealed under the deployment's keys: the tenant's own are gone by then.
    pub owner: Option<Vec<u8>>,
}

/// Port: who wraps the key of the unit's tenant.
#[async_trait]
pub trait Custodian: Send {
    /// What is stored, held until the unit ends: whoever else would change it waits.
    async fn hold_keys(&mut self) -> Result<Custody, StoreError>;

    /// Stores `keys` in place of those of the same ids: wrapped by what the tenant brings, or by the deployment's service, from `at`
    /// on.
    async fn entrust(
        &mut self,
        keys: &[WrappedKey],
        to: Option<&Bringing>,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// The mail address of whoever is in charge of the unit's tenant.
    async fn owner(&mut self) -> Result<Option<String>, StoreError>;

    /// Notes, in a unit of the deployment's, how it is with a tenant's key since `at`; `false`, if it isn't as it was seen any more.
    async fn note_state(
        &mut self,
        seen: &Watched,
        state: KeyState,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Notes that the unit's tenant is told in its own log that its key is there again `since` then; `false`, if it was told before.
    async fn note_told(&mut self, since: DateTime<Utc>) -> Result<bool, StoreError>;
}

/// Port: who wraps the key of the tenant that is read.
#[async_trait]
pub trait CustodyView: Send {
    /// What is stored.
    async fn custody(&mut self) -> Result<Custody, StoreError>;
}

/// Why a tenant's key is wrapped by whoever wrapped it before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntrustError {
    /// What is stored isn't what was wrapped anew: somebody else was faster.
    #[error("the tenant's keys changed meanwhile")]
    Changed,
    /// What is personal could not be sealed, or opened.
    #[error("whom to tell can't be kept")]
    Owner,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps the tenant's key as another service `wrapped` it, all its versions in one unit, if what is stored is still what was `seen`. Only
/// what wraps it changes: nothing that it wraps, and nothing sealed.
pub async fn entrust(
    unit: &mut dyn Unit,
    (seen, wrapped): (&Custody, &[WrappedKey]),
    to: Option<&str>,
    deployment: &TenantKeys,
    now: DateTime<Utc>,
) -> Result<Event, EntrustError> {
    let held = hold(unit, seen).await?;
    let (tenant, writer) = (unit.writer().tenant(), unit.writer().clone());
    let to = match to {
        None => None,
        Some(address) => {
            let owner = unit.owner().await?;
            let seal = |owner: String| deployment.audit().seal(owner_of(tenant), owner.as_bytes());
            let owner = owner.map(seal).transpose().map_err(|_| EntrustError::Owner)?;
            Some(Bringing { address: address.to_owned(), by: writer.who.actor().into(), owner })
        }
    };
    unit.entrust(wrapped, to.as_ref(), now).await?;
    let (before, after) =
        (wrapper(held.stored.external.as_deref()), wrapper(to.as_ref().map(|to| &*to.address)));
    let event = Event::of(writer.operation, KEY_TRANSFERRED, tenant);
    Ok(event.with(Change::plain("wrapped_by", Some(before), Some(after))).noting("keys", ids(wrapped)))
}

/// Keeps the tenant's key as the deployment's root `wrapped` it after another root, if what is stored is still what was `seen`.
pub async fn follow_root(
    unit: &mut dyn Unit,
    (seen, wrapped): (&Custody, &[WrappedKey]),
    now: DateTime<Utc>,
) -> Result<Event, EntrustError> {
    hold(unit, seen).await?;
    unit.entrust(wrapped, None, now).await?;
    let tenant = unit.writer().tenant();
    Ok(Event::of(&FOLLOW_ROOT, KEY_REWRAPPED, tenant).noting("keys", ids(wrapped)))
}

async fn hold(unit: &mut dyn Unit, seen: &Custody) -> Result<Custody, EntrustError> {
    let held = unit.hold_keys().await?;
    if held.stored == seen.stored { Ok(held) } else { Err(EntrustError::Changed) }
}

fn ids(keys: &[WrappedKey]) -> String {
    let ids: Vec<_> = keys.iter().map(|key| key.id.to_string()).collect();
    ids.join(" ")
}

/// Who wraps a tenant's key, as its log has it.
pub fn wrapper(external: Option<&str>) -> &str {
    external.unwrap_or("deployment")
}

/// Where the mail address of a tenant's owner is sealed that the deployment keeps.
fn owner_of(tenant: TenantId) -> Place<'static> {
    Place { tenant: TenantId::DEPLOYMENT, row: tenant.into(), column: "external_key.owner" }
}

/// How a key stands among those of its purpose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It is used for what is new once every replica has it.
    Pending,
    /// It is used for what is new.
    Active,
    /// It is used beside the one after it, for a time.
    Retiring,
    /// It is used for what is old.
    Retired,
}

impl Custody {
    /// Every key, when it was made, and how it stands at `now`.
    pub fn keys(
        &self,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = (&WrappedKey, Option<DateTime<Utc>>, Standing)> {
        self.stored.keys.iter().map(move |key| {
            let made = self.made.iter().find(|(id, _)| *id == key.id).map(|(_, at)| *at);
            (key, made, self.standing(key.id, key.purpose, now))
        })
    }

    fn standing(&self, id: KeyId, purpose: KeyPurpose, now: DateTime<Utc>) -> Standing {
        let later = self.stored.keys.iter().filter(|other| other.purpose == purpose && other.id > id);
        let next = later.min_by_key(|other| other.id);
        match self.stored.serving(purpose) {
            Some(serving) if id > serving => Standing::Pending,
            Some(serving) if id == serving => Standing::Active,
            _ if next.is_some_and(|next| next.until.is_some_and(|until| now < until)) => Standing::Retiring,
            _ => Standing::Retired,
        }
    }
}
