//! Logs, delivered to those who collect them as they grow. The log is the outbox: what is kept is how far each was delivered to each
//! sink, after the sink took it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use ward::audit::{Event, Search, log};
use ward::kernel::{Action, Operation, TenantId, Uuid};
use ward::{Batch, Deliveries as _, Delivery, Held, Sink, Store as _};

use crate::app::App;
use crate::audit_export::live::{Format, Live};
use crate::due::{Done, Due, Work};
use crate::heads::{self, Failure};

const DELIVERY_STARTED: Action = Action::new("audit.delivery_started");
/// Delivers a log to a sink.
pub(crate) static DELIVER_LOG: Operation =
    Operation { discloses: true, controls: &["A6"], ..heads::job("deliverLog", &[DELIVERY_STARTED], true) };

const PAUSE: Duration = Duration::from_secs(1);
const LATE: &str = "a collector has taken no newer entry of a log for a quarter of an hour";
/// Entries in a batch, and bytes unless one alone has more; and batches of a log before it is another's turn.
const ENTRIES: u64 = 256;
const BYTES: usize = 1 << 20;
const BATCHES: u32 = 16;
/// How far before an earlier entry's time a later one's may lie.
const BACK: TimeDelta = TimeDelta::minutes(10);

/// A sink, and which logs it may lack something of.
pub(crate) struct Delivered {
    /// By which it is remembered how far it has come.
    pub(crate) name: String,
    format: Format,
    sink: Box<dyn Sink>,
    begin: Option<DateTime<Utc>>,
    /// This process.
    holder: Uuid,
    due: Due,
    /// How far others were seen to have delivered.
    reached: Mutex<HashMap<TenantId, u64>>,
}

/// Why a log can't be delivered further.
#[derive(Debug, thiserror::Error)]
#[error("the log lacks entries between {from} and {to}")]
struct Lacking {
    from: u64,
    to: u64,
}

impl Delivered {
    /// A sink that is sent logs in a format, from `begin` on or from their beginning.
    pub(crate) fn new(
        name: String,
        (format, sink): (Format, Box<dyn Sink>),
        begin: Option<DateTime<Utc>>,
        holder: Uuid,
    ) -> Self {
        let due = Due::new(format!("delivering logs to {name}"), LATE, PAUSE);
        Self { name, format, sink, begin, holder, due, reached: Mutex::default() }
    }

    /// Up to which place it was sent a log.
    pub(crate) async fn next(&self, app: &App, tenant: TenantId) -> Result<u64, Failure> {
        Ok(app.store.delivered(tenant, &self.name).await?.unwrap_or(0))
    }

    /// Has the log say that it is delivered from now on.
    async fn start(&self, app: &App, tenant: TenantId) -> Result<(), Failure> {
        let next = match self.begin {
            None => 0,
            Some(begin) => self.first(app, tenant, begin).await?,
        };
        let mut unit = app.store.begin(heads::permit(app, tenant, &DELIVER_LOG)?).await?;
        unit.add_sink(&self.name, next).await?;
        let event = Event::of(&DELIVER_LOG, DELIVERY_STARTED, tenant).noting("sink", &self.name);
        let event = event.noting("from", next);
        unit.commit(event).await?;
        Ok(())
    }

    /// A place before which no entry is of that time or later. Times may go back by ten minutes, and no further.
    async fn first(&self, app: &App, tenant: TenantId, begin: DateTime<Utc>) -> Result<u64, Failure> {
        let mut reading = app.store.read(heads::permit(app, tenant, &DELIVER_LOG)?).await?;
        let mut from = log::first(&mut *reading).await?;
        let mut to = reading.head().await?.map_or(from, |head| head.checkpoint.size);
        while from < to {
            let middle = from.midpoint(to);
            let found = reading.entries(&Search::default(), Some(middle + 1), 1).await?.entries;
            let entry = found.first().filter(|entry| entry.index == middle);
            let at = entry.ok_or(Lacking { from: middle, to: middle + 1 })?.at;
            if at < begin - BACK {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        Ok(from)
    }

    /// The entries from a place on, as far as a signed head stands for them, and the place behind them.
    async fn batch(&self, app: &App, tenant: TenantId, next: u64) -> Result<Option<(Batch, u64)>, Failure> {
        let mut reading = app.store.read(heads::permit(app, tenant, &DELIVER_LOG)?).await?;
        let Some(head) = reading.head().await? else { return Ok(None) };
        let next = next.max(log::first(&mut *reading).await?); // what is no longer kept isn't delivered
        let end = head.checkpoint.size.min(next + ENTRIES);
        if end <= next {
            return Ok(None);
        }
        let found = reading.entries(&Search::default(), Some(end), ENTRIES as u32).await?.entries;
        let found: Vec<_> = found.into_iter().rev().skip_while(|entry| entry.index < next).collect();
        let sound = found.iter().filter(|entry| !entry.is_altered());
        if !sound.map(|entry| entry.index).eq(next..end) {
            return Err(Lacking { from: next, to: end }.into());
        }
        let (live, keys) = (Live::of(self.format, tenant, &head.checkpoint.origin), reading.keys());
        let mut lines: Vec<String> = Vec::new();
        let mut bytes = 0;
        for entry in found {
            let line = live.line(entry, &keys);
            bytes += line.len();
            if bytes > BYTES && !lines.is_empty() {
                break;
            }
            lines.push(line);
        }
        let end = next + lines.len() as u64;
        Ok(Some((Batch { id: format!("{tenant}/{next}-{end}"), lines }, end)))
    }
}

#[async_trait]
impl Work for Delivered {
    fn due(&self) -> &Due {
        &self.due
    }

    /// In the log's order, and every entry once at least.
    async fn work(&self, app: &App, tenant: TenantId) -> Result<Done, Failure> {
        let delivery = Delivery { tenant, sink: &self.name, holder: self.holder };
        let mut next = match app.store.hold(delivery).await? {
            Held::From(next) => next,
            Held::Elsewhere(next) => {
                let seen = self.reached.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant, next);
                return Ok(if seen == Some(next) { Done::Nothing } else { Done::Some });
            }
            Held::Nobody => {
                self.start(app, tenant).await?;
                return Ok(Done::Some);
            }
        };
        for _ in 0..BATCHES {
            let Some((batch, end)) = self.batch(app, tenant, next).await? else { return Ok(Done::All) };
            self.sink.take(&batch).await?;
            if !app.store.advance(delivery, end).await? {
                break; // it took so long that another replica goes on
            }
            next = end;
        }
        Ok(Done::Some)
    }
}
