//! Anonymous refusals, counted per address and minute, so that nobody buys audit rows by knocking.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use ward::Store;
use ward::audit::{Event, RecordError};
use ward::kernel::{Action, Operation, Requires, Source, TenantId, authority};
use ward::rbac::Policy;

const JOB: &str = "refusals";
const REFUSED: Action = Action::new("access.refused");
const MOST: usize = 10_000;

/// Writes what was counted to the deployment's own log.
pub(crate) static RECORD_REFUSALS: Operation = Operation {
    id: "recordRefusals",
    requires: Requires::Job(JOB),
    events: &[REFUSED],
    writes: true,
    discloses: false,
    controls: &["A2"],
    rate: "job",
    idempotent: false,
};

type Counted = HashMap<(Option<IpAddr>, DateTime<Utc>), u64>;

/// Who was refused without a credential, and how often.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Counted>);

impl Refusals {
    /// Counts one; beyond ten thousand addresses a minute, the rest counts as from nowhere. Of IPv6 the network counts,
    /// the first 64 bits: whoever has one address there has them all.
    pub(crate) fn note(&self, ip: Option<IpAddr>, at: DateTime<Utc>) {
        let ip = ip.map(network);
        let minute = at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(at);
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ip = ip.filter(|_| counted.len() < MOST || counted.contains_key(&(ip, minute)));
        *counted.entry((ip, minute)).or_default() += 1;
    }

    /// Logs the minutes that are over at `now`; the address is sealed like any event's. What can't be logged is kept
    /// for the next time.
    pub(crate) async fn write(
        &self,
        store: &dyn Store,
        policy: &Policy,
        now: DateTime<Utc>,
    ) -> Result<(), RecordError> {
        let mut counted = self.take(now).into_iter();
        while let Some(((ip, minute), count)) = counted.next() {
            if let Err(error) = record(store, policy, ip, minute, count).await {
                self.give_back(counted.chain([((ip, minute), count)]));
                return Err(error);
            }
        }
        Ok(())
    }

    fn take(&self, now: DateTime<Utc>) -> Counted {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |minute: DateTime<Utc>| minute + TimeDelta::minutes(1) <= now;
        counted.extract_if(|(_, minute), _| over(*minute)).collect()
    }

    fn give_back(&self, unwritten: impl Iterator<Item = ((Option<IpAddr>, DateTime<Utc>), u64)>) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.for_each(|(from, count)| *counted.entry(from).or_default() += count);
    }
}

fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip => ip,
    }
}

async fn record(
    store: &dyn Store,
    policy: &Policy,
    ip: Option<IpAddr>,
    minute: DateTime<Utc>,
    count: u64,
) -> Result<(), RecordError> {
    #[expect(clippy::disallowed_methods, reason = "this is the job")]
    let job = authority::system(TenantId::DEPLOYMENT, JOB);
    let job = Arc::new(job.from(Source { ip, ..Source::default() }));
    let Ok(permit) = policy.permit(&job, &RECORD_REFUSALS) else { return Ok(()) };
    let event = Event::of(&RECORD_REFUSALS, REFUSED, TenantId::DEPLOYMENT);
    let event = event.noting("minute", minute.to_rfc3339()).noting("count", count);
    store.begin(permit).await?.commit(event).await?;
    Ok(())
}
