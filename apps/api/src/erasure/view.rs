use poem_openapi::{Enum, Object};
use serde::Deserialize;
use uuid::Uuid;
use ward::{ErasureReason, KeyDestroyed};

use crate::http::time::Time;
use crate::key::view::KeySuite;

/// Why a subject is to be erased.
#[derive(Deserialize, Object)]
#[oai(rename = "ErasureOrder", deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// A word, which the audit log keeps.
    pub(super) reason: Reason,
}

/// Why somebody is erased: what the GDPR's article 17 names, or that they asked under a law that wants no ground.
#[derive(Clone, Copy, Deserialize, Enum)]
#[oai(rename = "ErasureReason", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
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
    /// They asked.
    Requested,
}

/// How keys were destroyed.
#[derive(Enum)]
#[oai(rename = "ErasureMethod", rename_all = "snake_case")]
pub(super) enum Method {
    /// Of each key there was one copy outside of backups, wrapped by the tenant's own; that one was destroyed (NIST SP 800-88).
    CryptographicErase,
}

/// The record of an erasure.
#[derive(Object)]
#[oai(rename = "Erasure")]
pub(super) struct ErasureView {
    /// Who was erased.
    subject: Uuid,
    /// The keys destroyed, the one that sealed last first. None of them is ever given again.
    key_ids: Vec<u32>,
    /// The cipher that they were for.
    suite: KeySuite,
    /// How.
    method: Method,
    /// Why.
    reason: Reason,
    /// When.
    destroyed_at: Time,
    /// What went with the keys.
    removed: Removed,
    /// What a look found, in the transaction that destroyed them.
    verification: Verification,
    /// For how many days backups were kept then; unknown, if nobody told the deployment.
    backups_kept_days: Option<u32>,
    /// When the last backup has expired that holds a key; unknown, if nobody told for how long they are kept.
    effective_at: Option<Time>,
    /// Where the ledger outside of the database has it; nowhere yet, if there is one at all.
    ledger: Option<LedgerPlace>,
    /// When it was done again, since a backup had undone it.
    replayed_at: Option<Time>,
}

/// What went with a subject's keys.
#[derive(Object)]
#[oai(rename = "ErasureRemoved")]
pub(super) struct Removed {
    /// Records about them.
    records: u64,
    /// Former values that changes had replaced, beside the audit log.
    values: u64,
}

/// What was looked for after a subject's keys were destroyed; a transaction that finds any of it isn't committed.
#[derive(Object)]
#[oai(rename = "ErasureVerification")]
pub(super) struct Verification {
    /// Keys of theirs that open anything.
    keys_left: u64,
    /// Rows that hold something of them in clear or sealed, or by which they are found.
    rows_left: u64,
    /// Records about them.
    records_left: u64,
    /// Former values, beside the audit log.
    values_left: u64,
    /// Whether nothing was found.
    passed: bool,
}

/// Where the ledger has an erasure.
#[derive(Object)]
#[oai(rename = "ErasureLedgerPlace")]
pub(super) struct LedgerPlace {
    /// Its number there.
    number: u64,
    /// Since when.
    entered_at: Time,
}

impl From<KeyDestroyed> for ErasureView {
    fn from(done: KeyDestroyed) -> Self {
        let left = done.left;
        Self {
            subject: done.subject.into(),
            effective_at: done.effective_at().map(Time::from),
            key_ids: done.keys.into_iter().map(u32::from).collect(),
            suite: done.suite.into(),
            method: Method::CryptographicErase,
            reason: done.reason.into(),
            destroyed_at: done.destroyed_at.into(),
            removed: Removed { records: done.gone.records, values: done.gone.values },
            verification: Verification {
                keys_left: left.keys,
                rows_left: left.found,
                records_left: left.records,
                values_left: left.values,
                passed: left == Default::default(),
            },
            backups_kept_days: done.kept_days,
            ledger: done.entered.map(|(number, at)| LedgerPlace { number, entered_at: at.into() }),
            replayed_at: done.replayed_at.map(Time::from),
        }
    }
}

impl From<Reason> for ErasureReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::NoLongerNeeded => Self::NoLongerNeeded,
            Reason::ConsentWithdrawn => Self::ConsentWithdrawn,
            Reason::Objected => Self::Objected,
            Reason::Unlawful => Self::Unlawful,
            Reason::LegalObligation => Self::LegalObligation,
            Reason::ChildsConsent => Self::ChildsConsent,
            Reason::Requested => Self::Requested,
        }
    }
}

impl From<ErasureReason> for Reason {
    fn from(reason: ErasureReason) -> Self {
        match reason {
            ErasureReason::NoLongerNeeded => Self::NoLongerNeeded,
            ErasureReason::ConsentWithdrawn => Self::ConsentWithdrawn,
            ErasureReason::Objected => Self::Objected,
            ErasureReason::Unlawful => Self::Unlawful,
            ErasureReason::LegalObligation => Self::LegalObligation,
            ErasureReason::ChildsConsent => Self::ChildsConsent,
            ErasureReason::Requested => Self::Requested,
        }
    }
}
