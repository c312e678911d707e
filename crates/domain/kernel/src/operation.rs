/// One row of the operation table: everything that is promised about one thing a caller can do.
///
/// Declared as a `static`; its address is its identity, so a look-alike is another operation.
#[derive(Debug)]
pub struct Operation {
    /// The OpenAPI `operationId`.
    pub id: &'static str,
    /// What a caller needs.
    pub requires: Requires,
    /// The events that may explain a commit; no other is accepted.
    pub events: &'static [Action],
    /// Whether it changes anything. What doesn't runs READ ONLY.
    pub writes: bool,
    /// Whether the receipts of its events open sealed values: those that the event names.
    pub discloses: bool,
    /// The controls it serves.
    pub controls: &'static [&'static str],
    /// The rate class it counts against.
    pub rate: &'static str,
    /// Whether an `Idempotency-Key` is honoured.
    pub idempotent: bool,
}

impl Operation {
    /// Changes something: needs `permission`, and every commit is explained by one of `events` or more.
    pub const fn change(id: &'static str, permission: &'static str, events: &'static [Action]) -> Self {
        let (requires, controls) = (Requires::Permission(permission), &[]);
        Self {
            id,
            requires,
            events,
            writes: true,
            discloses: false,
            controls,
            rate: "write",
            idempotent: false,
        }
    }

    /// Reads: needs `permission`, and opens sealed values against the receipts of `events`.
    pub const fn read(id: &'static str, permission: &'static str, events: &'static [Action]) -> Self {
        let discloses = !events.is_empty();
        Self { writes: false, discloses, rate: "read", ..Self::change(id, permission, events) }
    }
}

/// What a caller needs for an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Requires {
    /// A role that holds this permission.
    Permission(&'static str),
    /// Any credential: the operation is about the caller alone.
    Credential,
    /// To be this scheduled job.
    Job(&'static str),
    /// Nothing: the operation is public.
    Nothing,
}

/// What happened: dotted, past tense, such as `consent.recorded`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Action(&'static str);

impl Action {
    /// Accepts `a-z`, `_` and dots, at least one dot, and a past tense in `-ed` or `sent`.
    ///
    /// ```compile_fail
    /// const NOT_PAST: ward_kernel::Action = ward_kernel::Action::new("consent.record");
    /// ```
    pub const fn new(text: &'static str) -> Self {
        let (mut rest, mut dots) = (text.as_bytes(), 0);
        while let [first, tail @ ..] = rest {
            assert!(matches!(first, b'a'..=b'z' | b'_' | b'.'), "an action is lower case");
            dots += (*first == b'.') as usize;
            rest = tail;
        }
        assert!(dots > 0, "an action is dotted");
        assert!(
            matches!(text.as_bytes(), [.., b'e', b'd'] | [.., b's', b'e', b'n', b't']),
            "an action is past tense"
        );
        Self(text)
    }

    /// The action as written.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}
