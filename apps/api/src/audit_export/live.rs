//! Entries one by one, as exports write them, for those who collect logs.

pub(crate) use super::format::Format;

use ward::audit::Entry;
use ward::crypto::TenantKeys;
use ward::kernel::TenantId;

use super::format::{Layout, Line, Log};

/// One log, to be written.
pub(crate) struct Live {
    log: Log,
    layout: Box<dyn Layout>,
}

impl Live {
    /// The log of this name, in a format that has no header and names no patients.
    pub(crate) fn of(format: Format, tenant: TenantId, origin: &str) -> Self {
        let deployment = origin.rsplit_once('/').map_or(origin, |(deployment, _)| deployment);
        let log = Log { tenant, deployment: deployment.to_owned() };
        Self { layout: format.layout(false, &log), log }
    }

    /// An entry's line, without its end.
    pub(crate) fn line(&self, entry: Entry, keys: &TenantKeys) -> String {
        let mut line = String::new();
        self.layout.write(Line::of(entry, &self.log, keys), &mut line);
        line.truncate(line.trim_end_matches('\n').len());
        line
    }
}
