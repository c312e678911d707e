//! Who may do what. A [`Permit`] is the only evidence that somebody asked and the policy said yes.
//!
//! ```
//! # #![allow(clippy::disallowed_methods)]
//! use ward_kernel::{Action, Operation, Requires, TenantId, UserId, Uuid, authority};
//! use ward_rbac::{Policy, Role};
//!
//! const NOTED: Action = Action::new("visit.noted");
//! static NOTE_VISIT: Operation = Operation {
//!     id: "noteVisit", requires: Requires::Permission("visits.note"), events: &[NOTED], writes: true,
//!     discloses: false, controls: &[], rate: "write", idempotent: false,
//! };
//!
//! let roles = [Role { name: "nurse".into(), permissions: vec!["visits.note".into()] }];
//! let policy = Policy::compile(&[&NOTE_VISIT], &roles)?;
//! let (tenant, user) = (TenantId::from(Uuid::nil()), UserId::from(Uuid::nil()));
//! let grants = policy.grants_of_roles(["nurse"]);
//! let nurse = authority::user(tenant, user, vec!["nurse".into()], grants);
//! assert!(policy.permit(&nurse.into(), &NOTE_VISIT).is_ok());
//! # Ok::<(), ward_rbac::PolicyError>(())
//! ```

mod permit;
mod policy;

pub use permit::{Denied, Permit, Reason};
pub use policy::{Policy, PolicyError, Role};
