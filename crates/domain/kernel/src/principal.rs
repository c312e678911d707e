use std::net::IpAddr;

use uuid::Uuid;

use crate::{ApiKeyId, TenantId, UserId};

/// Who acts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Actor {
    /// A person who logged in.
    User(UserId),
    /// A machine with a key.
    ApiKey(ApiKeyId),
    /// A scheduled job of Ward itself.
    System(&'static str),
    /// Nobody in particular.
    Anonymous,
}

impl Actor {
    /// The word the audit log uses: `user`, `api_key`, `system:<job>` or `anonymous`.
    pub fn kind(&self) -> String {
        match self {
            Self::User(_) => "user".into(),
            Self::ApiKey(_) => "api_key".into(),
            Self::System(job) => format!("system:{job}"),
            Self::Anonymous => "anonymous".into(),
        }
    }

    /// Which user or key, where there is one.
    pub fn id(&self) -> Option<Uuid> {
        match *self {
            Self::User(id) => Some(id.into()),
            Self::ApiKey(id) => Some(id.into()),
            Self::System(_) | Self::Anonymous => None,
        }
    }
}

/// A set of permissions as a policy numbers them. A policy that numbers others, or otherwise, reads it as empty.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Grants {
    /// A bit for each permission.
    pub bits: [u64; 4],
    /// Which numbering it is.
    pub numbering: u64,
}

/// Where a request comes from. The address and the agent are personal: they are stored sealed only.
#[derive(Clone, Default)]
pub struct Source {
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// The `X-Request-Id`.
    pub request: String,
    /// The trace id of `traceparent`, in hexadecimal.
    pub trace: Option<String>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.request)
    }
}

/// Somebody acting in one tenant; made only in [`authority`](crate::authority).
///
/// ```compile_fail
/// # use ward_kernel::{Actor, Grants, Principal, Source, TenantId, Uuid};
/// # let tenant = TenantId::from(Uuid::nil());
/// let (roles, grants, source) = (vec![], Grants::default(), Source::default());
/// let forged = Principal { tenant, actor: Actor::Anonymous, roles, grants, source };
/// ```
#[derive(Clone, Debug)]
pub struct Principal {
    pub(crate) tenant: TenantId,
    pub(crate) actor: Actor,
    pub(crate) roles: Vec<String>,
    pub(crate) grants: Grants,
    pub(crate) source: Source,
}

impl Principal {
    /// The tenant the credential belongs to.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who it is.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// The roles held in that tenant, by name; a key has none.
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// The permissions held, whether by role or by key.
    pub fn grants(&self) -> Grants {
        self.grants
    }

    /// Where the request comes from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The same, calling from `source`.
    pub fn from(mut self, source: Source) -> Self {
        self.source = source;
        self
    }
}
