use poem_openapi::Tags;

/// The parts of the API, as an auditor looks for them.
#[derive(Tags)]
pub(crate) enum Tag {
    /// Whether Ward runs, and keeps its promises.
    Health,
    /// Who is calling, and what they may do.
    Identity,
    /// The caller's organisation.
    Tenant,
    /// Credentials of machines.
    ApiKeys,
    /// Keys that data is sealed under: who holds them, and which follow them.
    Keys,
    /// People whose data is held. Every field is sealed; reading one is in the audit log before it leaves.
    Subjects,
    /// What is held about them.
    Records,
    /// Many people at once.
    Imports,
    /// What happened.
    Audit,
    /// What is promised, and the checks that prove it.
    Assurance,
}
