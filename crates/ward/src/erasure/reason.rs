/// Why somebody is erased: a word, and no text in which a person could be described. All but the last are grounds of the GDPR's
/// [article 17](https://eur-lex.europa.eu/eli/reg/2016/679/oj#art_17).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErasureReason {
    /// What it was held for is over.
    NoLongerNeeded,
    /// They consented once, and no more.
    ConsentWithdrawn,
    /// They object.
    Objected,
    /// It should never have been held.
    Unlawful,
    /// A law has it erased.
    LegalObligation,
    /// It was collected of a child, online.
    ChildsConsent,
    /// They asked, under a law that wants no ground.
    Requested,
}

impl ErasureReason {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::NoLongerNeeded,
        Self::ConsentWithdrawn,
        Self::Objected,
        Self::Unlawful,
        Self::LegalObligation,
        Self::ChildsConsent,
        Self::Requested,
    ];

    /// The word stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoLongerNeeded => "no_longer_needed",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::Objected => "objected",
            Self::Unlawful => "unlawful",
            Self::LegalObligation => "legal_obligation",
            Self::ChildsConsent => "childs_consent",
            Self::Requested => "requested",
        }
    }

    /// The reason stored as `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}
