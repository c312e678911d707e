use std::collections::HashMap;
use std::sync::Arc;

use ward::kernel::{Principal, TenantId, UserId, authority};
use ward::rbac::{Policy, Role};

use super::Engine;
use super::model::Model;
use crate::Outcome;

/// Ward as a request meets it: the principal, with the roles' permissions, comes with the credential.
pub(super) struct AtHand {
    policy: Policy,
    who: Vec<Arc<Principal>>,
}

impl AtHand {
    pub(super) fn of(model: &Model) -> Outcome<Self> {
        let held = |role: &super::model::Role| Role {
            name: role.name.clone(),
            permissions: role.permissions.iter().map(|&name| name.to_owned()).collect(),
        };
        let roles: Vec<_> = model.roles.iter().map(held).collect();
        let policy = Policy::compile(&model.operations, &roles)?;
        let mut who = Vec::new();
        for user in &model.users {
            let role = model.roles.get(user.role).ok_or("no such role")?.name.as_str();
            #[expect(clippy::disallowed_methods, reason = "nobody has to log in here")]
            let principal =
                authority::user(user.tenant, user.id, vec![role.to_owned()], policy.grants_of_roles([role]));
            who.push(Arc::new(principal));
        }
        Ok(Self { policy, who })
    }

    fn allows(&self, model: &Model, question: usize, who: Option<&Arc<Principal>>) -> Option<bool> {
        let question = model.questions.get(question)?;
        let (who, operation) = (who?, model.operations.get(question.operation)?);
        Some(who.tenant() == question.tenant && self.policy.permit(who, operation).is_ok())
    }
}

impl Engine for AtHand {
    fn decide(&self, model: &Model, question: usize) -> Outcome<bool> {
        let who = model.questions.get(question).and_then(|question| self.who.get(question.user));
        self.allows(model, question, who).ok_or_else(|| "no such question".into())
    }
}

/// The same, but given names alone, as the others are: the principal is found first.
pub(super) struct Directory {
    known: HashMap<(TenantId, UserId), Arc<Principal>>,
    ward: AtHand,
}

impl Directory {
    pub(super) fn of(model: &Model) -> Outcome<Self> {
        let ward = AtHand::of(model)?;
        let known = model.users.iter().zip(&ward.who);
        let known = known.map(|(user, who)| ((user.tenant, user.id), who.clone())).collect();
        Ok(Self { known, ward })
    }
}

impl Engine for Directory {
    fn decide(&self, model: &Model, question: usize) -> Outcome<bool> {
        let asked = model.questions.get(question).ok_or("no such question")?;
        let user = model.users.get(asked.user).ok_or("no such user")?;
        let Some(who) = self.known.get(&(asked.tenant, user.id)) else { return Ok(false) };
        self.ward.allows(model, question, Some(who)).ok_or_else(|| "no such question".into())
    }
}
