use chrono::{DateTime, SecondsFormat, Utc};
use ward_crypto::{KeyId, LedgerKey};
use ward_kernel::{SubjectId, TenantId, Uuid};

use super::{ErasureReason, METHOD};

/// What the first line says, so that a text of tomorrow is none of today's.
const FORM: &str = "ward erasure 1";

/// An erasure as the ledger has it: eight lines, of which the last is the code of the others under the deployment's [`LedgerKey`]. It
/// names nobody: ids, a word and a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErasureEntry {
    /// Its place in the ledger, from 1 on.
    pub number: u64,
    /// Whose.
    pub tenant: TenantId,
    /// Who was erased.
    pub subject: SubjectId,
    /// Which keys were destroyed.
    pub keys: Vec<KeyId>,
    /// Why.
    pub reason: ErasureReason,
    /// When.
    pub destroyed_at: DateTime<Utc>,
}

impl ErasureEntry {
    /// The text that lies in the ledger.
    pub fn write(&self, key: &LedgerKey) -> String {
        let Self { number, tenant, subject, keys, reason, destroyed_at } = self;
        let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
        let (keys, at) = (keys.join(" "), destroyed_at.to_rfc3339_opts(SecondsFormat::Micros, true));
        let reason = reason.as_str();
        key.sign(&format!("{FORM}\n{number}\n{tenant}\n{subject}\n{METHOD} {keys}\n{reason}\n{at}\n"))
    }

    /// What the text under `number` says; nothing, if the deployment never wrote it there.
    pub fn read(text: &str, number: u64, key: &LedgerKey) -> Option<Self> {
        let mut lines = key.open(text)?.lines();
        let is_here = lines.next()? == FORM && lines.next()?.parse() == Ok(number);
        let (tenant, subject): (Uuid, Uuid) = (lines.next()?.parse().ok()?, lines.next()?.parse().ok()?);
        let keys = lines.next()?.strip_prefix(METHOD)?.split_ascii_whitespace();
        let keys = keys.map(|id| id.parse::<u32>().map(KeyId::from)).collect::<Result<_, _>>().ok()?;
        let reason = ErasureReason::parse(lines.next()?)?;
        let destroyed_at = DateTime::parse_from_rfc3339(lines.next()?).ok()?.to_utc();
        let (tenant, subject) = (tenant.into(), subject.into());
        let entry = Self { number, tenant, subject, keys, reason, destroyed_at };
        (is_here && lines.next().is_none()).then_some(entry)
    }
}
