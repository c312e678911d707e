//! What the policy says yes to.
#![expect(clippy::disallowed_methods, reason = "a test may")]

use std::sync::Arc;

use ward_kernel::{Operation, Requires, TenantId, UserId, Uuid, authority};
use ward_rbac::{Policy, PolicyError, Reason, Role};

const fn operation(requires: Requires) -> Operation {
    Operation {
        id: "x",
        requires,
        events: &[],
        writes: false,
        discloses: false,
        controls: &[],
        rate: "",
        idempotent: false,
    }
}
static READ: Operation = operation(Requires::Permission("read"));
static WRITE: Operation = operation(Requires::Permission("write"));
static ME: Operation = operation(Requires::Credential);
static SWEEP: Operation = operation(Requires::Job("sweep"));
static LOG_IN: Operation = operation(Requires::Nothing);
static LOOK_ALIKE: Operation = operation(Requires::Nothing);

static TABLE: [&Operation; 5] = [&READ, &WRITE, &ME, &SWEEP, &LOG_IN];

fn role(name: &str, permissions: &[&str]) -> Role {
    Role { name: name.into(), permissions: permissions.iter().map(|&p| p.into()).collect() }
}

#[test]
fn everyone_gets_what_the_table_says_and_nothing_else() {
    let policy = Policy::compile(&TABLE, &[role("reader", &["read"]), role("owner", &["*"])]).unwrap();
    let (tenant, user) = (TenantId::from(Uuid::nil()), UserId::from(Uuid::nil()));
    let of = |role: &str| {
        authority::user(tenant, user, vec![role.into()], policy.grants_of_roles([role, "unknown"]))
    };
    let allowed = |who: ward_kernel::Principal| {
        let who = Arc::new(who);
        [&READ, &WRITE, &ME, &SWEEP, &LOG_IN, &LOOK_ALIKE].map(|what| policy.permit(&who, what).is_ok())
    };
    assert_eq!(allowed(of("reader")), [true, false, true, false, true, false]);
    assert_eq!(allowed(of("owner")), [true, true, true, false, true, false]);
    assert_eq!(allowed(of("stranger")), [false, false, true, false, true, false]);
    assert_eq!(allowed(authority::system(tenant, "sweep")), [false, false, true, true, true, false]);
    assert_eq!(allowed(authority::anonymous(tenant)), [false, false, false, false, true, false]);
}

#[test]
fn a_role_cannot_hold_what_no_operation_requires() {
    let compiled = Policy::compile(&[&READ], &[role("reader", &["raed"])]);
    assert!(matches!(compiled, Err(PolicyError::Unknown(..))));
}

#[test]
fn nobody_grants_what_they_do_not_hold() {
    let policy = Policy::compile(&TABLE, &[role("reader", &["read"]), role("owner", &["*"])]).unwrap();
    let (reader, owner) = (policy.grants_of_roles(["reader"]), policy.grants_of_roles(["owner"]));
    let who = |grants| Arc::new(authority::api_key(Uuid::nil().into(), Uuid::nil().into(), grants));
    assert!(policy.may_grant(&who(owner), &WRITE, reader).is_ok());
    assert_eq!(policy.may_grant(&who(reader), &WRITE, owner).unwrap_err().reason(), Reason::NotHeld);
    assert_eq!(policy.names(owner), ["read", "write"]);
    assert_eq!(policy.grants(["read", "fly"]), (reader, vec!["fly"]));
}

#[test]
fn what_another_policy_granted_is_nothing_here() {
    let (ours, theirs) = (Policy::compile(&TABLE, &[]).unwrap(), Policy::compile(&[&WRITE], &[]).unwrap());
    let (first, _) = ours.grants(["read"]); // as theirs numbers `write`
    let who = Arc::new(authority::api_key(Uuid::nil().into(), Uuid::nil().into(), first));
    assert!(ours.permit(&who, &READ).is_ok());
    assert!(theirs.permit(&who, &WRITE).is_err());
    assert!(theirs.names(first).is_empty());
    assert!(theirs.may_grant(&who, &WRITE, theirs.grants(["write"]).0).is_err());
}

#[test]
fn a_refusal_says_why() {
    let policy = Policy::compile(&[&READ], &[]).unwrap();
    let nobody = Arc::new(authority::anonymous(TenantId::from(Uuid::nil())));
    assert_eq!(policy.permit(&nobody, &READ).unwrap_err().reason(), Reason::NotPermitted);
}

#[test]
fn no_way_around_leads_to_what_the_straight_one_does_not() {
    let policy = Policy::compile(&TABLE, &[]).unwrap();
    let (grants, _) = policy.grants(["read"]);
    let who = Arc::new(authority::api_key(Uuid::nil().into(), Uuid::nil().into(), grants));
    assert!(policy.may_also(&who, &WRITE, &READ).is_ok());
    let denied = policy.may_also(&who, &READ, &WRITE).unwrap_err();
    assert_eq!((denied.reason(), std::ptr::eq(denied.operation(), &READ)), (Reason::NotPermitted, true));
}
