use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use ward_audit::{Change, Event};
use ward_crypto::{KeyError, KeyId, KeyPurpose, ServiceError, StoredKeys, TenantKeys, WrappedKey};
use ward_identity::Creator;
use ward_kernel::{Action, JobId, Operation, Place, Requires, StoreError, TenantId};

use crate::{Job, Unit};

/// Another service wraps a tenant's key from now on.
pub const KEY_TRANSFERRED: Action = Action::new("key.transferred");
/// The key that a tenant brought can't be had any more: nothing of the tenant's is read or written.
pub const KEY_REFUSED: Action = Action::new("key.refused");
/// It can be had again.
pub const KEY_RESTORED: Action = Action::new("key.restored");

/// Lists a tenant's keys.
pub static LIST_KEYS: Operation =
    Operation { controls: &["C5"], ..Operation::read("listKeys", "keys.read", &[]) };

/// Has a key service of the tenant's own wrap its key.
pub static BRING_KEY: Operation =
    Operation { controls: &["C5", "A1"], ..Operation::change("bringKey", "keys.bring", &[KEY_TRANSFERRED]) };

/// Has the deployment's wrap it again.
pub static GIVE_BACK_KEY: Operation = Operation {
    controls: &["C5", "A1"],
    ..Operation::change("giveBackKey", "keys.give_back", &[KEY_TRANSFERRED])
};

/// Looks whether the keys that tenants brought can be had.
pub static WATCH_KEYS: Operation = Operation {
    id: "watchKeys",
    requires: Requires::Job("custodian"),
    events: &[KEY_REFUSED, KEY_RESTORED],
    writes: true,
    discloses: false,
    controls: &["C5", "O3"],
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
    async fn note_state(&mut self, seen: &Watched, state: KeyState, at: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Notes that the unit's tenant is told in its own log that its key is there again `since` then; `false`, if it was told before.
    async fn note_told(&mut self, since: DateTime<Utc>) -> Result<bool, StoreError>;
}

/// Port: who wraps the key of the tenant that is read.
#[async_trait]
pub trait CustodyView: Send {
    /// What is stored.
    async fn custody(&mut self) -> Result<Custody, StoreError>;
}

/// Port: the keys that tenants brought, as whoever watches over them knows them, without opening anything.
#[async_trait]
pub trait KeyWatch: Send + Sync {
    /// Takes up to `most` that nobody took for `pause` before `now`.
    async fn to_look_at(&self, now: DateTime<Utc>, pause: TimeDelta, most: u32) -> Result<Vec<Watched>, StoreError>;

    /// What is stored for one; nothing, if it was given back.
    async fn brought(&self, tenant: TenantId) -> Result<Option<Entrusted>, StoreError>;

    /// Notes since when one can't be reached, or that it can.
    async fn note_missed(&self, tenant: TenantId, since: Option<DateTime<Utc>>) -> Result<(), StoreError>;

    /// The tenants whose keys can't be had.
    async fn dark(&self) -> Result<Vec<TenantId>, StoreError>;
}

/// How it is with a key that a tenant brought.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyState {
    /// It can be had.
    Held,
    /// Its service says no, or gives something else.
    Refused,
    /// Its service can't be reached.
    Unavailable,
}

/// A key that a tenant brought, as it was seen last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Watched {
    /// Whose.
    pub tenant: TenantId,
    /// How it was.
    pub state: KeyState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Since when its service was not reached, if that was so when it was last looked at.
    pub missed: Option<DateTime<Utc>>,
}

/// What is stored for a key that a tenant brought.
#[derive(Clone, Debug)]
pub struct Entrusted {
    /// The keys, and the service's address.
    pub stored: StoredKeys,
    /// Since when that service wraps them.
    pub since: DateTime<Utc>,
    /// Whom to tell, sealed under the deployment's keys.
    pub owner: Option<Vec<u8>>,
    /// Since when the key is there again, as the tenant's own log has it.
    pub told: Option<DateTime<Utc>>,
}

/// What a look at a key comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Seen {
    /// It is as it was.
    Same,
    /// It wasn't reached, and may be tomorrow: since then.
    Missed(Option<DateTime<Utc>>),
    /// It is otherwise now.
    Turned(KeyState),
}

impl KeyState {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Held, Self::Refused, Self::Unavailable];

    /// The word stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Watched {
    /// For so long a service may be out of reach before its tenant is told: by then nobody keeps its keys any more.
    pub const PATIENCE: TimeDelta = TimeDelta::seconds(60);

    /// What the service's answer at `now` means. One that says no is believed at once.
    pub fn look(&self, answer: &Result<(), KeyError>, now: DateTime<Utc>) -> Seen {
        let state = match answer {
            Ok(()) => KeyState::Held,
            Err(KeyError::Service(ServiceError::Unavailable(_))) => KeyState::Unavailable,
            Err(_) => KeyState::Refused,
        };
        match (self.state, state) {
            (KeyState::Held, KeyState::Held) if self.missed.is_some() => Seen::Missed(None),
            (KeyState::Held, KeyState::Unavailable) => match self.missed {
                None => Seen::Missed(Some(now)),
                Some(missed) if now - missed >= Self::PATIENCE => Seen::Turned(state),
                Some(_) => Seen::Same,
            },
            (KeyState::Held, KeyState::Refused) => Seen::Turned(state),
            (KeyState::Held, KeyState::Held) => Seen::Same,
            (_, KeyState::Held) => Seen::Turned(state),
            _ => Seen::Same,
        }
    }
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
    let held = unit.hold_keys().await?;
    if held.stored != seen.stored {
        return Err(EntrustError::Changed);
    }
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
    let (before, after) = (word(held.stored.external.as_deref()), word(to.as_ref().map(|to| &*to.address)));
    let event = Event::of(writer.operation, KEY_TRANSFERRED, tenant);
    let ids: Vec<_> = wrapped.iter().map(|key| key.id.to_string()).collect();
    Ok(event.with(Change::plain("wrapped_by", Some(before), Some(after))).noting("keys", ids.join(" ")))
}

/// Who wraps a tenant's key, as its log has it.
pub fn word(external: Option<&str>) -> &str {
    external.unwrap_or("deployment")
}

/// Where the mail address of a tenant's owner is sealed that the deployment keeps.
fn owner_of(tenant: TenantId) -> Place<'static> {
    Place { tenant: TenantId::DEPLOYMENT, row: tenant.into(), column: "external_key.owner" }
}

/// A message to the owner of a tenant: a job whose payload says what is to be written to whom.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyMessage {
    /// The key can't be had.
    Refused,
    /// It can be had again.
    Restored,
}

impl KeyMessage {
    /// The kind of job that is a message.
    pub const KIND: &str = "message";

    /// That `brought` turned, for its owner, in the deployment's own queue; nothing, where no owner is known.
    pub fn job(
        self,
        (tenant, brought): (TenantId, &Entrusted),
        deployment: &TenantKeys,
        id: JobId,
        now: DateTime<Utc>,
    ) -> Result<Option<Job>, EntrustError> {
        let Some(owner) = &brought.owner else { return Ok(None) };
        let owner = deployment.audit().open(owner_of(tenant), owner).map_err(|_| EntrustError::Owner)?;
        let owner = std::str::from_utf8(owner.as_bytes()).map_err(|_| EntrustError::Owner)?;
        let template = match self {
            Self::Refused => "key-refused",
            Self::Restored => "key-restored",
        };
        let said = json!({ "template": template, "tenant": tenant.to_string(), "to": owner, "at": now });
        Ok(Some(Job { id, kind: Self::KIND, payload: said.to_string().into_bytes(), run_at: now }))
    }
}

/// How a key stands among those of its purpose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It is used for what is new.
    Active,
    /// It is used beside the one after it, for a time.
    Retiring,
    /// It is used for what is old.
    Retired,
}

impl Custody {
    /// Every key, when it was made, and how it stands at `now`.
    pub fn keys(&self, now: DateTime<Utc>) -> impl Iterator<Item = (&WrappedKey, Option<DateTime<Utc>>, Standing)> {
        self.stored.keys.iter().map(move |key| {
            let made = self.made.iter().find(|(id, _)| *id == key.id).map(|(_, at)| *at);
            (key, made, self.standing(key.id, key.purpose, now))
        })
    }

    fn standing(&self, id: KeyId, purpose: KeyPurpose, now: DateTime<Utc>) -> Standing {
        let later = self.stored.keys.iter().filter(|other| other.purpose == purpose && other.id > id);
        match later.min_by_key(|other| other.id) {
            None => Standing::Active,
            Some(next) if next.until.is_some_and(|until| now < until) => Standing::Retiring,
            Some(_) => Standing::Retired,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(state: KeyState, missed: Option<i64>, answer: Result<(), KeyError>, now: i64) -> Seen {
        let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let watched = Watched { tenant: TenantId::DEPLOYMENT, state, since: at(0), missed: missed.map(at) };
        watched.look(&answer, at(now))
    }

    #[test]
    fn a_service_that_says_no_is_believed_at_once_and_one_that_is_silent_after_a_minute() {
        use KeyState::{Held, Refused, Unavailable};
        let silent = || Err(KeyError::Service(ServiceError::Unavailable("timed out".into())));
        let no = || Err(KeyError::Service(ServiceError::Refused));
        let other = || Err(KeyError::Broken(KeyId::FIRST_SUBJECT));
        let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(100);
        assert_eq!(seen(Held, None, Ok(()), 100), Seen::Same);
        assert_eq!(seen(Held, None, no(), 100), Seen::Turned(Refused));
        assert_eq!(seen(Held, None, other(), 100), Seen::Turned(Refused));
        assert_eq!(seen(Held, None, silent(), 100), Seen::Missed(Some(at)));
        assert_eq!(seen(Held, Some(41), silent(), 100), Seen::Same);
        assert_eq!(seen(Held, Some(40), silent(), 100), Seen::Turned(Unavailable));
        assert_eq!(seen(Held, Some(40), Ok(()), 100), Seen::Missed(None));
        for dark in [Refused, Unavailable] {
            assert_eq!(seen(dark, None, Ok(()), 100), Seen::Turned(Held));
            assert_eq!(seen(dark, None, no(), 100), Seen::Same);
            assert_eq!(seen(dark, None, silent(), 100), Seen::Same);
        }
    }
}
