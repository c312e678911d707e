use ward_kernel::{Action, Operation, Requires};

/// The job that runs checks.
pub const PROBER: &str = "prober";

/// A check ran to its end.
pub const PROBE_COMPLETED: Action = Action::new("probe.completed");
/// Somebody had a claim checked.
pub const CLAIM_CHECKED: Action = Action::new("claim.checked");

const PUBLIC: Operation = Operation {
    id: "",
    requires: Requires::Nothing,
    events: &[],
    writes: false,
    discloses: false,
    controls: &["G1", "G2"],
    rate: "public",
    idempotent: false,
};

/// Draws the trust page.
pub static TRUST_PAGE: Operation = Operation { id: "trustPage", ..PUBLIC };

/// The trust page as data.
pub static TRUST_DOCUMENT: Operation = Operation { id: "trustDocument", ..PUBLIC };

/// Lists claims.
pub static LIST_CLAIMS: Operation =
    Operation { id: "listClaims", requires: Requires::Permission("claims.read"), rate: "read", ..PUBLIC };

/// Lists what a claim's check saw.
pub static CLAIM_EVIDENCE: Operation = Operation { id: "claimEvidence", ..claims() };

/// Runs a claim's check now.
pub static CHECK_CLAIM: Operation = Operation {
    id: "checkClaim",
    requires: Requires::Permission("claims.check"),
    events: &[CLAIM_CHECKED],
    writes: true,
    rate: "bulk",
    idempotent: true,
    ..PUBLIC
};

/// Runs a check, and records what it saw.
pub static RUN_PROBE: Operation = Operation {
    id: "runProbe",
    requires: Requires::Job(PROBER),
    events: &[PROBE_COMPLETED],
    writes: true,
    rate: "job",
    ..PUBLIC
};

const fn claims() -> Operation {
    Operation { requires: Requires::Permission("claims.read"), rate: "read", ..PUBLIC }
}
