//! What a product has already: a database, tenants, people who have logged in.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use ward::kernel::{Ids as _, Principal, TenantId, UserId, authority};
use ward::rbac::{Policy, Role};
use ward_testkit::{Database, Machine, found, open};

use super::service::{self, Clinic, LIST_VISITS, NOTE_VISIT, TABLE};

pub(crate) struct World {
    /// The service, behind a log-in.
    pub(crate) app: Router,
    /// Deleted when this is dropped.
    pub(crate) db: Database,
}

impl World {
    /// Two clinics; at the first, a nurse and a porter.
    pub(crate) async fn create() -> Result<Self, Box<dyn Error>> {
        let (db, machine) = (Database::create().await?, Arc::new(Machine::default()));
        db.run("ward_owner", TABLE).await?;
        let store = open(&db.url("ward_app"), 8, &machine).await?;
        let (lakeside, harbour) = (found(&store, &machine).await?, found(&store, &machine).await?);

        let role = |name: &str, held: &[&str]| Role {
            name: name.into(),
            permissions: held.iter().map(|&name| name.into()).collect(),
        };
        let roles = [role("nurse", &["visits.note", "visits.read"]), role("porter", &["visits.read"])];
        let policy = Policy::compile(&[&NOTE_VISIT, &LIST_VISITS], &roles)?;
        let who = |tenant, role| logged_in(&policy, tenant, machine.next().into(), role);
        let sessions = HashMap::from([
            ("lakeside-nurse", who(lakeside, "nurse")),
            ("lakeside-porter", who(lakeside, "porter")),
            ("harbour-nurse", who(harbour, "nurse")),
        ]);
        let app = service::routes(Clinic { store, policy, machine });
        Ok(Self { app: behind(app, Arc::new(sessions)), db })
    }
}

type Sessions = Arc<HashMap<&'static str, Arc<Principal>>>;

/// Lets only those in who have logged in, and says who they are.
fn behind(app: Router, sessions: Sessions) -> Router {
    app.layer(from_fn(move |request: Request, next: Next| admit(sessions.clone(), request, next)))
}

async fn admit(sessions: Sessions, mut request: Request, next: Next) -> Response {
    let session = request.headers().get("x-session").and_then(|session| session.to_str().ok());
    let Some(who) = session.and_then(|session| sessions.get(session)) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    request.extensions_mut().insert(who.clone());
    next.run(request).await
}

/// Where the product's own log-in ends.
fn logged_in(policy: &Policy, tenant: TenantId, user: UserId, role: &str) -> Arc<Principal> {
    #[expect(clippy::disallowed_methods, reason = "the password was just checked")]
    Arc::new(authority::user(tenant, user, vec![role.into()], policy.grants_of_roles([role])))
}
