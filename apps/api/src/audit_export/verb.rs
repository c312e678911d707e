/// What an event did to its entity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verb {
    Create,
    Read,
    Update,
    Delete,
    Search,
    /// None of those.
    Other,
}

impl Verb {
    /// By the last word of a dotted action.
    pub(super) fn of(action: &str) -> Self {
        match action.rsplit(['.', '_']).next().unwrap_or_default() {
            "created" | "founded" => Self::Create,
            "disclosed" => Self::Read,
            // An imported row adds a subject, or changes it.
            "changed" | "rotated" | "imported" => Self::Update,
            "deleted" | "revoked" => Self::Delete,
            "searched" | "listed" => Self::Search,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verb;

    #[test]
    fn an_action_ends_with_what_was_done() {
        for (action, verb) in [
            ("subject.created", Verb::Create),
            ("audit.entry_disclosed", Verb::Read),
            ("api_key.rotated", Verb::Update),
            ("record.deleted", Verb::Delete),
            ("record.listed", Verb::Search),
            ("access.denied", Verb::Other),
            ("", Verb::Other),
        ] {
            assert_eq!(Verb::of(action), verb, "{action}");
        }
    }
}
