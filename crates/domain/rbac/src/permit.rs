use std::sync::Arc;

use ward_kernel::{Actor, Entity, Operation, Principal, TenantId};

/// Proof that the policy allowed one actor one operation in one tenant. Good for one unit.
///
/// ```compile_fail
/// # fn f(who: std::sync::Arc<ward_kernel::Principal>, operation: &'static ward_kernel::Operation) {
/// let forged = ward_rbac::Permit { who, operation };
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Permit {
    who: Arc<Principal>,
    operation: &'static Operation,
}

impl Permit {
    pub(crate) fn new(who: &Arc<Principal>, operation: &'static Operation) -> Self {
        Self { who: who.clone(), operation }
    }

    /// In which tenant.
    pub fn tenant(&self) -> TenantId {
        self.who.tenant()
    }

    /// To whom.
    pub fn actor(&self) -> Actor {
        self.who.actor()
    }

    /// To whom, with roles and origin.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.who
    }

    /// To do what.
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }
}

/// An access that was refused.
#[derive(Debug, thiserror::Error)]
#[error("not permitted to `{}`", operation.id)]
#[must_use = "a refusal belongs in the log: hand it to `Store::refuse`"]
pub struct Denied {
    who: Arc<Principal>,
    operation: &'static Operation,
    entity: Entity,
    reason: Reason,
}

/// Why an access was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The policy said no.
    NotPermitted,
    /// It was to grant what the caller doesn't hold.
    NotHeld,
    /// What was asked for isn't there, or is another tenant's: the two are never told apart.
    Absent,
}

impl Reason {
    /// The word the log uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotPermitted => "not_permitted",
            Self::NotHeld => "not_held",
            Self::Absent => "absent",
        }
    }
}

impl Denied {
    pub(crate) fn by_policy(who: &Arc<Principal>, operation: &'static Operation, reason: Reason) -> Self {
        Self { who: who.clone(), operation, entity: who.tenant().into(), reason }
    }

    /// Says that `who`, permitted the operation, found no `entity`.
    pub fn absent(who: &Arc<Principal>, operation: &'static Operation, entity: impl Into<Entity>) -> Self {
        Self { who: who.clone(), operation, entity: entity.into(), reason: Reason::Absent }
    }

    /// Who was refused.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.who
    }

    /// What.
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// On what: the tenant as a whole where the policy said no.
    pub fn entity(&self) -> Entity {
        self.entity
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}
