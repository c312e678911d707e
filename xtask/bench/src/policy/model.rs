use ward::kernel::{Operation, TenantId, UserId, Uuid};

use crate::Outcome;

/// Which role may do what: the matrix that is committed beside the documentation.
const MATRIX: &str = include_str!("../../../../docs/permissions/workforce.txt");
const USERS: usize = 10;
const QUESTIONS: usize = 2_000;

/// Roles, users who hold one each, and questions with their answers.
pub(super) struct Model {
    pub(super) roles: Vec<Role>,
    pub(super) operations: Vec<&'static Operation>,
    pub(super) users: Vec<User>,
    pub(super) questions: Vec<Question>,
}

pub(super) struct Role {
    pub(super) name: String,
    /// The permissions that it holds.
    pub(super) permissions: Vec<&'static str>,
}

pub(super) struct User {
    pub(super) tenant: TenantId,
    pub(super) id: UserId,
    pub(super) role: usize,
}

/// Whether this user may do that in this tenant.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) user: usize,
    pub(super) tenant: TenantId,
    pub(super) operation: usize,
    pub(super) answer: bool,
}

impl Model {
    pub(super) fn of(tenants: usize) -> Outcome<Self> {
        let (roles, operations) = matrix()?;
        let ids: Vec<_> =
            (0..tenants).map(|n| TenantId::from(Uuid::from_u128(0x7e00_0000 + n as u128))).collect();
        let users: Vec<_> = ids
            .iter()
            .flat_map(|tenant| (0..USERS).map(|n| (*tenant, n)))
            .enumerate()
            .map(|(n, (tenant, nth))| User {
                tenant,
                id: UserId::from(Uuid::from_u128(0xca11_0000_0000 + n as u128)),
                role: nth % roles.len(),
            })
            .collect();
        let mut model = Self { roles, operations, users, questions: Vec::new() };
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
        for n in 0..QUESTIONS {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            let below = |shift: u32, most: usize| (dice >> shift) as usize % most;
            // One in eight asks about another tenant than their own.
            let (user, operation) = (below(8, model.users.len()), below(32, model.operations.len()));
            let foreign = n.is_multiple_of(8).then(|| ids.get(below(48, ids.len())).copied()).flatten();
            model.ask(user, operation, foreign);
        }
        Ok(model)
    }

    /// What a role holds is told by its list, read as it stands: slow, and plain.
    fn ask(&mut self, user: usize, operation: usize, foreign: Option<TenantId>) {
        let Some((asks, wanted)) = self.users.get(user).zip(self.operations.get(operation)) else { return };
        let tenant = foreign.unwrap_or(asks.tenant);
        let held =
            self.roles.get(asks.role).is_some_and(|role| role.permissions.contains(&permission(wanted)));
        let answer = tenant == asks.tenant && held;
        self.questions.push(Question { user, tenant, operation, answer });
    }
}

/// The permission that an operation needs; all of the model's need one.
pub(super) fn permission(operation: &Operation) -> &'static str {
    match operation.requires {
        ward::kernel::Requires::Permission(name) => name,
        _ => "",
    }
}

fn matrix() -> Outcome<(Vec<Role>, Vec<&'static Operation>)> {
    let mut lines = MATRIX.lines();
    let names = lines.next().ok_or("an empty matrix")?.split_whitespace().skip(2);
    let mut roles: Vec<_> =
        names.map(|name| Role { name: name.to_owned(), permissions: Vec::new() }).collect();
    let mut operations = Vec::new();
    for line in lines.filter(|line| !line.contains('(')) {
        let mut words = line.split_whitespace();
        let (Some(id), Some(permission)) = (words.next(), words.next()) else { continue };
        for (role, word) in roles.iter_mut().zip(words) {
            if word == "yes" && !role.permissions.contains(&permission) {
                role.permissions.push(permission);
            }
        }
        // Operations are statics: a handful, for as long as this program runs.
        operations.push(&*Box::leak(Box::new(Operation::change(id, permission, &[]))));
    }
    Ok((roles, operations))
}
