use casbin::{CoreApi as _, DefaultModel, Enforcer, MemoryAdapter, MgmtApi as _};

use super::Engine;
use super::model::{Model, permission};
use crate::Outcome;

/// Roles by domain, where what a role holds is the same in every domain: far fewer rules than one list a domain.
const RULES: &str = "
[request_definition]
r = sub, dom, act

[policy_definition]
p = sub, act

[role_definition]
g = _, _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = g(r.sub, p.sub, r.dom) && r.act == p.act
";

pub(super) struct Casbin {
    enforcer: Enforcer,
    /// Names as it takes them.
    users: Vec<String>,
    tenants: Vec<String>,
}

impl Casbin {
    pub(super) async fn of(model: &Model) -> Outcome<Self> {
        let rules = DefaultModel::from_str(RULES).await?;
        let mut enforcer = Enforcer::new(rules, MemoryAdapter::default()).await?;
        let held =
            model.roles.iter().flat_map(|role| role.permissions.iter().map(|held| (&role.name, *held)));
        enforcer.add_policies(held.map(|(role, held)| vec![role.clone(), held.to_owned()]).collect()).await?;
        let mut groups = Vec::new();
        for user in &model.users {
            let role = model.roles.get(user.role).ok_or("no such role")?;
            groups.push(vec![user.id.to_string(), role.name.clone(), user.tenant.to_string()]);
        }
        enforcer.add_grouping_policies(groups).await?;
        let users = model.users.iter().map(|user| user.id.to_string()).collect();
        let tenants = model.questions.iter().map(|question| question.tenant.to_string()).collect();
        Ok(Self { enforcer, users, tenants })
    }
}

impl Engine for Casbin {
    fn decide(&self, model: &Model, question: usize) -> Outcome<bool> {
        let asked = model.questions.get(question).ok_or("no such question")?;
        let user = self.users.get(asked.user).ok_or("no such user")?;
        let tenant = self.tenants.get(question).ok_or("no such tenant")?;
        let operation = model.operations.get(asked.operation).ok_or("no such operation")?;
        Ok(self.enforcer.enforce((user, tenant, permission(operation)))?)
    }
}
