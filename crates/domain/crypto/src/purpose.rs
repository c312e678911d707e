use crate::KeyId;

/// What a key is for; one made for a purpose serves no other.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum KeyPurpose {
    /// Wraps the tenant's other keys.
    Tenant,
    /// Seals one person's values.
    Subject,
    /// Blind indexes.
    Index,
    /// What is personal of those who act.
    Audit,
    /// Stored answers of idempotent requests.
    Idempotency,
    /// Payloads of background work.
    Queue,
    /// Digests of API keys.
    ApiKey,
    /// Digests of imported rows.
    Import,
    /// Signs the heads of the tenant's audit log.
    Log,
    /// Signs tokens that travel in links.
    Token,
    /// What stays of a subject's key that another followed: it checks commitments made under it, and opens nothing.
    Commitment,
}

impl KeyPurpose {
    /// Those that a tenant may have been founded without, by a Ward that didn't know them yet.
    pub(crate) const LATER: [Self; 1] = [Self::Token];

    const ALL: [Self; 11] = [
        Self::Tenant,
        Self::Subject,
        Self::Index,
        Self::Audit,
        Self::Idempotency,
        Self::Queue,
        Self::ApiKey,
        Self::Import,
        Self::Log,
        Self::Token,
        Self::Commitment,
    ];

    /// Those that a tenant has one key for, beside its own.
    pub(crate) fn single() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|purpose| purpose.is_single())
    }

    pub(crate) fn is_single(self) -> bool {
        !matches!(self, Self::Tenant | Self::Subject | Self::Commitment)
    }

    /// The id of the key that a tenant is made with.
    pub(crate) fn first_id(self) -> KeyId {
        KeyId::from(self as u32 + 1)
    }

    /// The word stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Subject => "subject",
            Self::Index => "index",
            Self::Audit => "audit",
            Self::Idempotency => "idempotency",
            Self::Queue => "queue",
            Self::ApiKey => "api_key",
            Self::Import => "import",
            Self::Log => "log",
            Self::Token => "token",
            Self::Commitment => "commitment",
        }
    }

    /// The purpose stored as `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::KeyPurpose;

    #[test]
    fn every_purpose_has_its_place_and_its_word() {
        let last = KeyPurpose::Commitment;
        assert_eq!(KeyPurpose::ALL.len(), last as usize + 1, "the last is not");
        for (place, purpose) in KeyPurpose::ALL.into_iter().enumerate() {
            assert_eq!((purpose as usize, KeyPurpose::parse(purpose.as_str())), (place, Some(purpose)));
        }
    }
}
