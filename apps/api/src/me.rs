//! `/me`

use std::sync::Arc;

use poem_openapi::{Object, OpenApi};
use uuid::Uuid;
use ward::kernel::{Actor, Operation, Requires};

use crate::app::App;
use crate::auth::Caller;
use crate::http::problem::Refused;
use crate::http::reply::Shown;
use crate::tag::Tag;

/// Shows who is calling.
pub(crate) static WHO_AM_I: Operation = Operation {
    id: "whoAmI",
    requires: Requires::Credential,
    events: &[],
    writes: false,
    discloses: false,
    controls: &["R4", "T2"],
    rate: "read",
    idempotent: false,
};

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Identity")]
impl Api {
    /// Show who is calling
    ///
    /// The permissions are those in force: what is not listed is refused.
    #[oai(path = "/me", method = "get", operation_id = "whoAmI")]
    async fn show(&self, caller: Caller) -> Result<Shown<Me>, Refused> {
        let permit = self.0.permit(&caller, &WHO_AM_I).await?;
        let who = permit.principal();
        let permissions = self.0.policy.names(who.grants()).into_iter().map(str::to_owned).collect();
        let (user, api_key) = match who.actor() {
            Actor::User(id) => (Some(id.into()), None),
            Actor::ApiKey(id) => (None, Some(id.into())),
            _ => (None, None),
        };
        let (tenant, roles) = (who.tenant().into(), who.roles().to_vec());
        Ok(Shown(Me { user, api_key, tenant, roles, permissions, session: None }))
    }
}

/// The caller.
#[derive(Object)]
struct Me {
    /// The user, if a person calls.
    user: Option<Uuid>,
    /// The key, if a machine calls.
    api_key: Option<Uuid>,
    /// The tenant the credential acts in.
    tenant: Uuid,
    /// The roles held there.
    roles: Vec<String>,
    /// The permissions in force.
    permissions: Vec<String>,
    /// The session, if there is one.
    session: Option<Uuid>,
}
