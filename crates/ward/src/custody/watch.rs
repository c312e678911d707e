use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use ward_crypto::{KeyError, ServiceError, StoredKeys, TenantKeys};
use ward_kernel::{Action, JobId, Operation, Requires, StoreError, TenantId};

use super::{EntrustError, owner_of};
use crate::Job;

/// The key that a tenant brought can't be had any more: nothing of the tenant's is read or written.
pub const KEY_REFUSED: Action = Action::new("key.refused");
/// It can be had again.
pub const KEY_RESTORED: Action = Action::new("key.restored");

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

/// Port: the keys that tenants brought, as whoever watches over them knows them, without opening anything.
#[async_trait]
pub trait KeyWatch: Send + Sync {
    /// Takes up to `most` that nobody took for `pause` before `now`.
    async fn to_look_at(
        &self,
        now: DateTime<Utc>,
        pause: TimeDelta,
        most: u32,
    ) -> Result<Vec<Watched>, StoreError>;

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
            // One that was out of reach may have given its key to somebody before it said no.
            (KeyState::Held | KeyState::Unavailable, KeyState::Refused) => Seen::Turned(state),
            (KeyState::Held, KeyState::Held) => Seen::Same,
            (_, KeyState::Held) => Seen::Turned(state),
            _ => Seen::Same,
        }
    }
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

#[cfg(test)]
mod tests {
    use ward_crypto::KeyId;

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
            assert_eq!(seen(dark, None, silent(), 100), Seen::Same);
        }
        assert_eq!(seen(Refused, None, no(), 100), Seen::Same);
        assert_eq!(seen(Unavailable, None, no(), 100), Seen::Turned(Refused));
    }
}
