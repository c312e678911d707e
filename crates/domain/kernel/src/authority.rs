//! **Danger.** Whoever calls these says who is acting, and everybody believes it.
//!
//! Only the place that has just checked a credential may; `clippy.toml` forbids every other.

use crate::{Actor, ApiKeyId, Grants, Principal, Source, TenantId, UserId};

fn principal(tenant: TenantId, actor: Actor, roles: Vec<String>, grants: Grants) -> Principal {
    Principal { tenant, actor, roles, grants, source: Source::default() }
}

/// A user whose session was just checked, with what the policy says its roles grant.
pub fn user(tenant: TenantId, id: UserId, roles: Vec<String>, grants: Grants) -> Principal {
    principal(tenant, Actor::User(id), roles, grants)
}

/// A machine whose key was just checked, with what the key was given.
pub fn api_key(tenant: TenantId, id: ApiKeyId, grants: Grants) -> Principal {
    principal(tenant, Actor::ApiKey(id), Vec::new(), grants)
}

/// Somebody known, in the sandbox of their own tenant.
pub fn sandboxed(who: &Principal, sandbox: TenantId) -> Principal {
    Principal { tenant: sandbox, ..who.clone() }
}

/// A scheduled job, which may do only what names it.
pub fn system(tenant: TenantId, job: &'static str) -> Principal {
    principal(tenant, Actor::System(job), Vec::new(), Grants::default())
}

/// A caller without a credential, who may do only what is public.
pub fn anonymous(tenant: TenantId) -> Principal {
    principal(tenant, Actor::Anonymous, Vec::new(), Grants::default())
}
