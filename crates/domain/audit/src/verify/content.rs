use chrono::NaiveDateTime;

use super::entry::uuid;
use super::{Facts, Place, Reason, Refuted};
use crate::entry::SKEW;
use crate::keeping::{PRUNED, Pruned};

/// What the entries of one log say, taken together. Costs 16 bytes of memory for each.
#[derive(Debug)]
pub(super) struct Content {
    tenant: Option<String>,
    latest: Option<NaiveDateTime>,
    /// The latest time of the entries before this one, some of which aren't read again.
    remembered: Option<(u64, NaiveDateTime)>,
    first: Option<NaiveDateTime>,
    ids: Vec<u128>,
    fault: Option<Refuted>,
    /// Before which entry the log says that it let go of all others.
    pruned: u64,
}

impl Content {
    /// That of the log with this origin, of whose entries before one the latest time may be known.
    pub(super) fn of(origin: &str, remembered: Option<(u64, NaiveDateTime)>) -> Self {
        let tenant = tenant(origin).map(str::to_owned);
        Self { tenant, latest: None, remembered, first: None, ids: Vec::new(), fault: None, pruned: 0 }
    }

    /// Takes in the next entry.
    pub(super) fn add(&mut self, index: u64, entry: &[u8]) {
        if self.fault.is_none()
            && let Err(reason) = self.read(index, entry)
        {
            self.fault = Some(Refuted::at(reason, Place::Entry(index)));
        }
    }

    fn read(&mut self, index: u64, entry: &[u8]) -> Result<(), Reason> {
        let Facts { at, id, tenant, action } = Facts::read(entry)?;
        if self.tenant.get_or_insert_with(|| tenant.to_owned()) != tenant {
            return Err(Reason::ForeignTenant);
        }
        if let Some((_, latest)) = self.remembered.take_if(|(known, _)| index >= *known) {
            self.latest = self.latest.max(Some(latest));
        }
        if self.latest.is_some_and(|latest| latest - at > SKEW) {
            return Err(Reason::BackDated);
        }
        self.latest = self.latest.max(Some(at));
        self.first = self.first.map_or(Some(at), |first| Some(first.min(at)));
        self.ids.push(id.as_u128());
        if action == PRUNED.as_str() {
            let said = Pruned::read(entry).filter(|said| said.first <= index).ok_or(Reason::Malformed)?;
            self.pruned = self.pruned.max(said.first);
        }
        Ok(())
    }

    /// Before which entry the log says that it let go of all others; 0, if it doesn't.
    pub(super) fn pruned(&self) -> u64 {
        self.pruned
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The earliest time and the latest, if nothing is wrong with what the entries say.
    pub(super) fn judge(mut self) -> Result<(Option<NaiveDateTime>, Option<NaiveDateTime>), Refuted> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        // Ids rise with time, nearly: sorting them is quick.
        self.ids.sort();
        if self.ids.is_sorted_by(|one, next| one < next) {
            Ok((self.first, self.latest.max(self.remembered.map(|(_, latest)| latest))))
        } else {
            Err(Reason::Duplicated.into())
        }
    }
}

/// Whose log it is, by its origin: `<deployment>/<tenant>`.
pub(super) fn tenant(origin: &str) -> Option<&str> {
    origin.rsplit_once('/').map(|(_, tenant)| tenant).filter(|tenant| uuid(tenant).is_some())
}

/// Whether an entry is one of the log with this origin.
pub(super) fn belongs<'e>(origin: &str, entry: &'e [u8]) -> Result<Facts<'e>, Reason> {
    let facts = Facts::read(entry)?;
    match tenant(origin) {
        Some(tenant) if tenant != facts.tenant => Err(Reason::ForeignTenant),
        _ => Ok(facts),
    }
}
