use std::fmt;

use uuid::Uuid;

/// Declares an id that no other id can be mistaken for.
///
/// ```compile_fail
/// fn of_tenant(_: ward_kernel::TenantId) {}
/// of_tenant(ward_kernel::UserId::from(ward_kernel::Uuid::nil()));
/// ```
#[macro_export]
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name($crate::Uuid);

        impl From<$crate::Uuid> for $name {
            fn from(id: $crate::Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for $crate::Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// One customer of the deployment.
    TenantId
);
id!(
    /// A person who logs in.
    UserId
);
id!(
    /// A machine's credential.
    ApiKeyId
);
id!(
    /// A person whose data is held.
    SubjectId
);
id!(
    /// A record about a subject.
    RecordId
);
id!(
    /// One entry of the audit log.
    EventId
);
id!(
    /// One piece of background work.
    JobId
);
id!(
    /// One transaction.
    UnitId
);
id!(
    /// Keys that are followed by others.
    RotationId
);

impl TenantId {
    /// A tenant known before there is a database.
    pub const fn fixed(id: Uuid) -> Self {
        Self(id)
    }

    /// The deployment itself, which keeps its own log and its own claims like any tenant.
    pub const DEPLOYMENT: Self = Self(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000));
}

/// What an event happened to, or where a value lies: a kind of row, and which one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Entity {
    kind: &'static str,
    id: Uuid,
}

impl Entity {
    /// Names the row `id` of `kind`.
    pub fn new(kind: &'static str, id: impl Into<Uuid>) -> Self {
        Self { kind, id: id.into() }
    }

    /// The kind of row, such as `subject`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Which row.
    pub fn id(&self) -> Uuid {
        self.id
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

macro_rules! entity {
    ($($id:ident: $kind:literal),*) => {$(
        impl From<$id> for Entity {
            fn from(id: $id) -> Self {
                Self::new($kind, id)
            }
        }
    )*};
}

entity!(
    TenantId: "tenant", UserId: "user", ApiKeyId: "api_key", SubjectId: "subject", RecordId: "record",
    EventId: "event", JobId: "job", RotationId: "rotation"
);
