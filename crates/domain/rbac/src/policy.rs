use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ptr;
use std::sync::Arc;

use ward_kernel::{Actor, Grants, Operation, Principal, Requires};

use crate::{Denied, Permit, Reason};

const CAPACITY: usize = 256;

/// A role is data: a name, and the permissions it holds.
#[derive(Clone, Debug)]
pub struct Role {
    /// What users are given.
    pub name: String,
    /// What it may do; `*` is everything that the table names.
    pub permissions: Vec<String>,
}

/// The operation table and the roles, compiled to bit sets: a decision is one test, without allocation.
///
/// Ward's operations and a product team's go in together; what isn't in the table is denied.
#[derive(Debug)]
pub struct Policy {
    permissions: Vec<&'static str>,
    /// The digest of those names: grants of another numbering mean something else.
    numbering: u64,
    rows: Vec<(&'static Operation, Grants)>,
    roles: Vec<(String, Grants)>,
}

impl Policy {
    /// Gives every permission the table names a bit, and every role its set.
    pub fn compile(table: &[&'static Operation], roles: &[Role]) -> Result<Self, PolicyError> {
        let mut permissions: Vec<_> = table.iter().filter_map(|row| permission(row)).collect();
        permissions.sort_unstable();
        permissions.dedup();
        if permissions.len() > CAPACITY {
            return Err(PolicyError::TooMany);
        }
        let mut digest = DefaultHasher::new();
        permissions.hash(&mut digest);
        let mut policy =
            Self { permissions, numbering: digest.finish(), rows: Vec::new(), roles: Vec::new() };
        policy.rows = table
            .iter()
            .map(|row| (*row, permission(row).map(|name| policy.grants([name]).0).unwrap_or_default()))
            .collect();
        policy.rows.sort_by_key(|(row, _)| ptr::from_ref(*row).addr());
        for role in roles {
            policy.roles.push((role.name.clone(), policy.held(role)?));
        }
        Ok(policy)
    }

    /// Asks the policy; a store opens nothing without the answer.
    pub fn permit(&self, who: &Arc<Principal>, what: &'static Operation) -> Result<Permit, Denied> {
        if self.allows(who, what) {
            Ok(Permit::new(who, what))
        } else {
            Err(Denied::by_policy(who, what, Reason::NotPermitted))
        }
    }

    /// Whether `who` holds all of `part`, which `what` is about to grant: nobody grants what they don't hold.
    pub fn may_grant(
        &self,
        who: &Arc<Principal>,
        what: &'static Operation,
        part: Grants,
    ) -> Result<(), Denied> {
        let held = self.within(part, who.grants());
        if held { Ok(()) } else { Err(Denied::by_policy(who, what, Reason::NotHeld)) }
    }

    /// Whether `who` may also do `more`, of which `what` is about to do a part: no way around shows what the straight one doesn't.
    pub fn may_also(
        &self,
        who: &Arc<Principal>,
        what: &'static Operation,
        more: &'static Operation,
    ) -> Result<(), Denied> {
        if self.allows(who, more) { Ok(()) } else { Err(Denied::by_policy(who, what, Reason::NotPermitted)) }
    }

    /// The decision alone, which opens nothing.
    pub fn allows(&self, who: &Principal, what: &'static Operation) -> bool {
        match (self.bit(what), what.requires) {
            (None, _) => false,
            (Some(bit), Requires::Permission(_)) => self.reads(who.grants()) && intersects(who.grants(), bit),
            (Some(_), Requires::Credential) => !matches!(who.actor(), Actor::Anonymous),
            (Some(_), Requires::Job(job)) => who.actor() == Actor::System(job),
            (Some(_), Requires::Nothing) => true,
        }
    }

    /// What holding all of `roles` grants; a name the policy doesn't know grants nothing.
    pub fn grants_of_roles<'a>(&self, roles: impl IntoIterator<Item = &'a str>) -> Grants {
        roles
            .into_iter()
            .filter_map(|name| self.roles.iter().find(|(known, _)| known == name))
            .fold(self.none(), |all, (_, more)| union(all, *more))
    }

    /// What `permissions` grant, and the names among them that no operation requires.
    pub fn grants<'a>(&self, permissions: impl IntoIterator<Item = &'a str>) -> (Grants, Vec<&'a str>) {
        let (mut grants, mut unknown) = (self.none(), Vec::new());
        for name in permissions {
            match self.permissions.binary_search(&name) {
                Ok(n) => insert(&mut grants, n),
                Err(_) => unknown.push(name),
            }
        }
        (grants, unknown)
    }

    /// The permissions in `grants`, by name, in alphabetical order.
    pub fn names(&self, grants: Grants) -> Vec<&'static str> {
        self.permissions
            .iter()
            .enumerate()
            .filter(|(n, _)| self.reads(grants) && contains(grants, *n))
            .map(|(_, name)| *name)
            .collect()
    }

    fn within(&self, part: Grants, whole: Grants) -> bool {
        self.reads(part)
            && self.reads(whole)
            && part.bits.iter().zip(whole.bits).all(|(part, whole)| part & !whole == 0)
    }

    /// Every permission that the table names, in alphabetical order.
    pub fn permissions(&self) -> &[&'static str] {
        &self.permissions
    }

    /// The roles, by name.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(|(name, _)| name.as_str())
    }

    fn held(&self, role: &Role) -> Result<Grants, PolicyError> {
        if role.permissions.iter().any(|name| name == "*") {
            return Ok(self.grants(self.permissions.iter().copied()).0);
        }
        match self.grants(role.permissions.iter().map(String::as_str)) {
            (grants, unknown) if unknown.is_empty() => Ok(grants),
            (_, unknown) => Err(PolicyError::Unknown(role.name.clone(), unknown.join("`, `"))),
        }
    }

    fn none(&self) -> Grants {
        Grants { bits: [0; 4], numbering: self.numbering }
    }

    fn reads(&self, grants: Grants) -> bool {
        grants.numbering == self.numbering
    }

    fn bit(&self, operation: &'static Operation) -> Option<Grants> {
        let key = ptr::from_ref(operation).addr();
        let found = self.rows.binary_search_by_key(&key, |(row, _)| ptr::from_ref(*row).addr());
        Some(self.rows.get(found.ok()?)?.1)
    }
}

fn permission(row: &Operation) -> Option<&'static str> {
    match row.requires {
        Requires::Permission(name) => Some(name),
        Requires::Credential | Requires::Job(_) | Requires::Nothing => None,
    }
}

fn insert(grants: &mut Grants, n: usize) {
    if let Some(word) = grants.bits.get_mut(n / 64) {
        *word |= 1 << (n % 64);
    }
}

fn contains(grants: Grants, n: usize) -> bool {
    grants.bits.get(n / 64).is_some_and(|word| word & (1 << (n % 64)) != 0)
}

fn intersects(a: Grants, b: Grants) -> bool {
    a.bits.iter().zip(b.bits).any(|(a, b)| a & b != 0)
}

fn union(a: Grants, b: Grants) -> Grants {
    let mut all = a;
    all.bits.iter_mut().zip(b.bits).for_each(|(all, more)| *all |= more);
    all
}

/// Why the roles and the table don't fit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A role names what no operation requires.
    #[error("role `{0}` holds `{1}`, which no operation requires")]
    Unknown(String, String),
    /// A set has room for 256 permissions.
    #[error("the table names more than 256 permissions")]
    TooMany,
}
