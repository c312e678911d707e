//! Real randomness, a clock set by hand, receipts as a unit gives them, a key service that can fail.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::executor::block_on;
use ward_audit::{Event, Leaf, Receipt, Trail, Writer, authority, record};
use ward_crypto::{
    KeyId, KeyService, LocalKeys, RootKey, ServiceError, SubjectKey, Suite, TenantKey, TenantKeys, WrappedKey,
};
use ward_kernel::{
    Action, Clock, Entity, Entropy, Ids, Operation, Place, Requires, StoreError, SubjectId, TenantId, Uuid,
};

pub(crate) const SUITES: [Suite; 2] = [Suite::XChaCha20Poly1305, Suite::Aes256Gcm];

pub(crate) struct Os;

impl Entropy for Os {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

pub(crate) fn os() -> Arc<dyn Entropy> {
    Arc::new(Os)
}

pub(crate) fn local() -> LocalKeys {
    LocalKeys::new(RootKey::random(&Os).unwrap(), os())
}

pub(crate) fn tenant(n: u128) -> TenantId {
    Uuid::from_u128(n).into()
}

pub(crate) fn subject(n: u128) -> SubjectId {
    Uuid::from_u128(0x100 + n).into()
}

pub(crate) fn created(n: u128, service: &dyn KeyService, suite: Suite) -> (TenantKeys, Vec<WrappedKey>) {
    block_on(TenantKeys::create(tenant(n), service, suite, os())).unwrap()
}

/// The keys of tenant 1, and the first key of its subject 1.
pub(crate) fn one_key(suite: Suite) -> (TenantKeys, SubjectKey) {
    let (keys, _) = created(1, &local(), suite);
    let (key, _) = keys.make_subject_key(KeyId::FIRST_SUBJECT, subject(1)).unwrap();
    (keys, key)
}

pub(crate) fn email(tenant_of: u128) -> Place<'static> {
    Place { tenant: tenant(tenant_of), row: subject(1).into(), column: "email" }
}

pub(crate) struct HandClock(Mutex<DateTime<Utc>>);

impl HandClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(DateTime::from_timestamp(1_700_000_000, 0).unwrap())))
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

const READ: Action = Action::new("subject.disclosed");
static DISCLOSE: Operation = operation(true);
static LIST: Operation = operation(false);

const fn operation(discloses: bool) -> Operation {
    Operation {
        id: "readSubject",
        requires: Requires::Permission("subjects.read"),
        events: &[READ],
        writes: false,
        discloses,
        controls: &[],
        rate: "read",
        idempotent: false,
    }
}

/// What a committed read of `fields` of `row` gives.
pub(crate) fn receipt(
    of: TenantId,
    row: impl Into<Entity>,
    fields: &[&'static str],
    at: &HandClock,
) -> Receipt {
    of_operation(&DISCLOSE, of, row.into(), fields, at)
}

/// The same, of an operation that isn't declared to disclose.
pub(crate) fn undisclosing(
    of: TenantId,
    row: impl Into<Entity>,
    fields: &[&'static str],
    at: &HandClock,
) -> Receipt {
    of_operation(&LIST, of, row.into(), fields, at)
}

fn of_operation(
    operation: &'static Operation,
    of: TenantId,
    row: Entity,
    fields: &[&'static str],
    at: &HandClock,
) -> Receipt {
    let who = Arc::new(ward_kernel::authority::anonymous(of));
    let writer = Writer { unit: Uuid::nil().into(), who, operation };
    let event = Event::of(operation, READ, row).disclosing(fields.iter().copied());
    authority::committed(block_on(record(&mut Paper(at.now()), &Nil, &writer, &event.into())).unwrap())
}

struct Paper(DateTime<Utc>);

#[async_trait]
impl Trail for Paper {
    async fn append(&mut self, _: &[Leaf<'_>]) -> Result<DateTime<Utc>, StoreError> {
        Ok(self.0)
    }
}

struct Nil;

impl Ids for Nil {
    fn next(&self) -> Uuid {
        Uuid::nil()
    }
}

/// A real key service behind a switch.
pub(crate) struct Switched {
    pub(crate) real: LocalKeys,
    pub(crate) fault: Mutex<Option<Fault>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Down,
    Revoked,
    Garbage,
    OtherKey,
}

impl Switched {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { real: local(), fault: Mutex::new(None) })
    }

    pub(crate) fn set(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap() = fault;
    }

    fn reach(&self) -> Result<Option<Fault>, ServiceError> {
        match *self.fault.lock().unwrap() {
            Some(Fault::Down) => Err(ServiceError::Unavailable("connection refused".into())),
            Some(Fault::Revoked) => Err(ServiceError::Refused),
            other => Ok(other),
        }
    }
}

#[async_trait]
impl KeyService for Switched {
    async fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError> {
        self.reach()?;
        self.real.wrap(tenant, key).await
    }

    async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError> {
        match self.reach()? {
            Some(Fault::Garbage) => TenantKey::from_clear(&[9; 20]).map_err(|_| ServiceError::Broken),
            Some(_) => {
                Ok(TenantKey::from_clear(&std::array::from_fn::<_, 33, _>(|at| at.max(1) as u8)).unwrap())
            }
            None => self.real.unwrap(tenant, wrapped).await,
        }
    }

    async fn check(&self) -> Result<(), ServiceError> {
        self.reach().map(drop)
    }
}
