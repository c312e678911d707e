//! A running deployment, tenants in it, and what lies in its database.

mod client;
mod deployment;
mod document;
mod fixture;
mod lockers;
mod rows;

pub(crate) use client::{Answer, Ask, Client, Stream};
pub(crate) use deployment::{Deployment, Tenant};
pub(crate) use document::{Operation, operations};
pub(crate) use fixture::{Case, PERSONAL, Payload, case, subject};
pub(crate) use lockers::{Lockers, State};
pub(crate) use rows::{changed, digest, digest_beside_work, left};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// An id that nothing has.
pub(crate) fn nobody() -> ward::kernel::Uuid {
    use std::sync::LazyLock;
    use ward::kernel::Ids as _;
    static MACHINE: LazyLock<ward_testkit::Machine> = LazyLock::new(ward_testkit::Machine::default);
    MACHINE.next()
}
