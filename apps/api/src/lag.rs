//! How far behind the logs those are to whom they are shown and delivered.

use std::fmt;

use ward::Store as _;

use crate::app::App;
use crate::custodian::is_dark;
use crate::heads::{self, Failure};
use crate::witnessed::WITNESS_LOG;

/// What somebody lacks of all logs together.
pub(crate) struct Lag {
    what: String,
    entries: u64,
    logs: u64,
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} entries behind, in {} logs", self.what, self.entries, self.logs)
    }
}

impl Lag {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), entries: 0, logs: 0 }
    }

    fn add(&mut self, size: u64, reached: u64) {
        let entries = size.saturating_sub(reached);
        self.entries += entries;
        self.logs += u64::from(entries > 0);
    }
}

/// That of the witnesses together, of the archive, and of each collector, as far as there are any.
pub(crate) async fn all(app: &App) -> Result<Vec<Lag>, Failure> {
    let mut cosigned = (!app.witnessed.is_empty()).then(|| Lag::new("cosigned by every witness"));
    let mut archived = app.archived.as_ref().map(|archived| (archived, Lag::new("archived")));
    let sinks = app.delivered.iter().map(|sink| (sink, Lag::new(format!("delivered to {}", sink.name))));
    let mut delivered: Vec<_> = sinks.collect();
    for tenant in app.tenants().await? {
        let mut reading = match app.store.read(heads::permit(app, tenant, &WITNESS_LOG)?).await {
            Err(error) if is_dark(&error) => continue, // it is behind until its tenant's key is there again
            read => read?,
        };
        let Some(head) = reading.head().await?.map(|head| head.checkpoint) else { continue };
        if let Some(lag) = &mut cosigned {
            lag.add(head.size, reading.witnessed().await?.map_or(0, |head| head.checkpoint.size));
        }
        if let Some((archived, lag)) = &mut archived {
            lag.add(head.size, archived.size(&head.origin).await?);
        }
        for (sink, lag) in &mut delivered {
            lag.add(head.size, sink.next(app, tenant).await?);
        }
    }
    let others = archived.map(|(_, lag)| lag).into_iter().chain(delivered.into_iter().map(|(_, lag)| lag));
    Ok(cosigned.into_iter().chain(others).collect())
}
