//! What is promised, and whether it holds: claims are data, their status is computed, and nobody sets it.
//!
//! ```
//! use chrono::{TimeDelta, TimeZone, Utc};
//! use ward_assurance::{Claim, Kind, Outcome, Run, Status};
//!
//! let claim = Claim {
//!     id: "isolation".into(),
//!     promises: vec!["T1".into()],
//!     section: "Isolation".into(),
//!     sentence: "Tenants are kept apart by the database itself.".into(),
//!     controls: vec!["SOC 2 CC6.1".into()],
//!     kind: Kind::Proven { probe: "isolation".into(), interval: TimeDelta::minutes(10) },
//! };
//! let now = Utc.with_ymd_and_hms(2026, 11, 24, 12, 0, 0).unwrap();
//! assert_eq!(claim.status(None, now), Status::Stale);
//!
//! let run = Run { at: now, outcome: Outcome::Pass, ..Run::default() };
//! assert_eq!(claim.status(Some(&run), now), Status::Active);
//! assert_eq!(claim.status(Some(&run), now + TimeDelta::minutes(10)), Status::Stale);
//! ```
//! ```compile_fail
//! # fn f(claim: ward_assurance::Claim) {
//! ward_assurance::Claim { status: ward_assurance::Status::Active, ..claim }; // it has none to set
//! # }
//! ```

mod claim;
mod control;
mod ledger;
mod operations;

pub use claim::{Claim, Kind, Phase, Status};
pub use control::{CONTROLS, Control};
pub use ledger::{Ledger, LedgerView, Outcome, Run};
pub use operations::{
    CHECK_CLAIM, CLAIM_CHECKED, CLAIM_EVIDENCE, LIST_CLAIMS, PROBE_COMPLETED, PROBER, RUN_PROBE,
    TRUST_DOCUMENT, TRUST_PAGE,
};
