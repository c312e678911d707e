use std::collections::HashSet;
use std::fmt::Write as _;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
};

use super::Engine;
use super::model::{Model, permission};
use crate::Outcome;

/// Cedar as its manual has it: a policy for each role, over a group of actions; a user lies in a role and in a tenant.
pub(super) struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    users: Vec<EntityUid>,
    actions: Vec<EntityUid>,
}

impl Cedar {
    pub(super) fn of(model: &Model) -> Outcome<Self> {
        let mut text = String::new();
        for role in &model.roles {
            let name = &role.name;
            writeln!(
                text,
                r#"permit(principal in Role::"{name}", action in Action::"{name}", resource) when {{ principal in resource }};"#
            )?;
        }
        let (mut entities, mut users, mut actions) = (Vec::new(), Vec::new(), Vec::new());
        for role in &model.roles {
            entities.push(Entity::new_no_attrs(uid("Role", &role.name)?, HashSet::new()));
            entities.push(Entity::new_no_attrs(uid("Action", &role.name)?, HashSet::new()));
        }
        for operation in &model.operations {
            let may = model.roles.iter().filter(|role| role.permissions.contains(&permission(operation)));
            let groups: Outcome<_> = may.map(|role| uid("Action", &role.name)).collect();
            let action = uid("Action", operation.id)?;
            entities.push(Entity::new_no_attrs(action.clone(), groups?));
            actions.push(action);
        }
        let mut tenants = HashSet::new();
        for user in &model.users {
            let role = model.roles.get(user.role).ok_or("no such role")?;
            let (id, tenant) = (uid("User", &user.id.to_string())?, uid("Tenant", &user.tenant.to_string())?);
            let groups = HashSet::from([uid("Role", &role.name)?, tenant.clone()]);
            entities.push(Entity::new_no_attrs(id.clone(), groups));
            users.push(id);
            tenants.insert(tenant);
        }
        entities.extend(tenants.into_iter().map(|tenant| Entity::new_no_attrs(tenant, HashSet::new())));
        let (authorizer, policies) = (Authorizer::new(), text.parse()?);
        Ok(Self { authorizer, policies, entities: Entities::from_entities(entities, None)?, users, actions })
    }
}

impl Engine for Cedar {
    fn decide(&self, model: &Model, question: usize) -> Outcome<bool> {
        let asked = model.questions.get(question).ok_or("no such question")?;
        let user = self.users.get(asked.user).ok_or("no such user")?.clone();
        let action = self.actions.get(asked.operation).ok_or("no such action")?.clone();
        let tenant = uid("Tenant", &asked.tenant.to_string())?;
        let request = Request::new(user, action, tenant, Context::empty(), None)?;
        let answer = self.authorizer.is_authorized(&request, &self.policies, &self.entities);
        Ok(answer.decision() == Decision::Allow)
    }
}

fn uid(kind: &str, id: &str) -> Outcome<EntityUid> {
    Ok(EntityUid::from_type_name_and_id(kind.parse::<EntityTypeName>()?, EntityId::new(id)))
}
