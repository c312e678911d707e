//! The audit log as it grows: how soon an entry is under a signed head, and what a log costs that has many.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use sqlx::Row as _;
use tokio::time::{MissedTickBehavior, interval};
use ward::audit::log::{Which, prove_entry};
use ward::audit::{Events, Search};
use ward::kernel::{EventId, Ids as _, TenantId, Uuid};
use ward::{Reading, Sequencer, Store as _};

use crate::Outcome;
use crate::audit::shown;
use crate::rounds::Effort;
use crate::table::{Table, figure};
use crate::unit::READ;
use crate::world::Tenants;

/// As many entries as one append takes to fill the log.
pub(crate) const FILL: usize = 1_000;
/// How often Ward looks for entries without a place.
const SWEEP: Duration = Duration::from_millis(100);
/// Events a second, and in each hundredth of one.
const RATE: u32 = 1_000;
const BURST: u32 = RATE / 100;

/// From commit to signed head, while entries come at a steady rate.
pub(crate) async fn prompt(effort: Effort) -> Outcome<Table> {
    let bursts = if effort == Effort::FULL { 12_000 } else { 500 };
    let tenants = Arc::new(Tenants::create("", &[&READ], 1).await?);
    let tenant = tenants.id(0).ok_or("no tenant")?;
    let founded = tenants
        .db
        .run("postgres", format!("SELECT FROM ward.audit_leaf WHERE tenant = '{}'", Uuid::from(tenant)));
    let founded = usize::try_from(founded.await?)?;
    let writer = tokio::spawn(write(tenants.clone(), bursts));
    let signed = sign(&tenants, tenant, founded + (bursts * BURST) as usize).await?;
    let stored = writer.await??;
    let waits = stored.iter().map(|(id, stored)| {
        let signed = signed.get(id).ok_or("an entry wasn't signed")?;
        Ok(signed.saturating_duration_since(*stored).as_secs_f64() * 1e3)
    });
    let mut waits = waits.collect::<Outcome<Vec<_>>>()?;
    waits.sort_by(f64::total_cmp);
    let part = |of: usize| waits.get(waits.len() * of / 100).copied().map(figure).unwrap_or_default();
    let head = ["entries", "a second", "p50 ms", "p99 ms"];
    let mut table = Table::new("From commit to signed head", head);
    table.row([figure(waits.len() as f64), figure(RATE.into()), part(50), part(99)]);
    Ok(table)
}

/// Appends at a steady rate, and says when each was acknowledged.
async fn write(tenants: Arc<Tenants>, bursts: u32) -> Outcome<Vec<(EventId, Instant)>> {
    let mut pace = interval(Duration::from_millis(10));
    let mut appends = Vec::new();
    for _ in 0..bursts {
        pace.tick().await;
        appends.extend((0..BURST).map(|_| {
            let tenants = tenants.clone();
            tokio::spawn(async move {
                let reading = tenants.store.read(tenants.permit(0, &READ)?).await?;
                let receipt = reading.disclose(shown(tenants.machine.next())).await?;
                let id = receipt.events().first().copied().ok_or("nothing was recorded")?;
                Outcome::Ok((id, Instant::now()))
            })
        }));
    }
    try_join_all(appends).await?.into_iter().collect()
}

/// Places and signs as Ward does, until so many have a place, and says when each was signed for.
async fn sign(tenants: &Tenants, tenant: TenantId, entries: usize) -> Outcome<HashMap<EventId, Instant>> {
    let sequencer = Sequencer::new(Arc::new(tenants.store.clone()), "bench", tenants.machine.clone());
    let mut root = tenants.db.connect("postgres").await?;
    let (mut sweep, mut signed) = (interval(SWEEP), HashMap::new());
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while signed.len() < entries {
        sweep.tick().await;
        while let Some(step) = sequencer.step(tenant, false).await? {
            let at = Instant::now();
            let placed = "SELECT leaf FROM ward.audit_place WHERE tenant = $1 AND index >= $2";
            let placed = sqlx::query(placed).bind(Uuid::from(tenant)).bind(signed.len() as i64);
            for row in placed.fetch_all(&mut root).await? {
                signed.insert(row.try_get::<Uuid, _>(0)?.into(), at);
            }
            if !step.is_full() {
                break;
            }
        }
    }
    Ok(signed)
}

/// What a log costs that has so many entries.
pub(crate) async fn grown(effort: Effort) -> Outcome<Table> {
    let full = [10_000, 100_000, 1_000_000, 10_000_000];
    let sizes = if effort == Effort::FULL { &full[..] } else { &[10_000, 200_000] };
    let head =
        ["entries", "given places a second", "proof µs", "newest page µs", "oldest page µs", "rare word µs"];
    let mut table = Table::new("The audit log, as it grows", head);
    let tenants = Tenants::create("", &[&READ], 1).await?;
    let sequencer = Sequencer::new(Arc::new(tenants.store.clone()), "bench", tenants.machine.clone());
    let tenant = tenants.id(0).ok_or("no tenant")?;
    let (mut entries, mut rare) = (0, None);
    for size in sizes {
        let (mut placed, mut took) = (0, 0.0);
        while entries < *size {
            let writers = (0..4).map(|_| fill(&tenants));
            rare = rare.or(try_join_all(writers).await?.into_iter().next());
            let begun = Instant::now();
            while sequencer.step(tenant, true).await?.is_some() {}
            took += begun.elapsed().as_secs_f64();
            (entries, placed) = (entries + 4 * FILL, placed + 4 * FILL);
        }
        // What autovacuum does within a minute, which no log takes here to grow tenfold.
        tenants.db.run("postgres", "ANALYZE").await?;
        let (id, note) = rare.ok_or("nothing was written")?;
        let search = |entity| Search { entity, ..Search::default() };
        let (all, one) = (search(None), search(Some(note)));
        let mut reading = tenants.store.read(tenants.permit(0, &READ)?).await?;
        table.row([
            figure(entries as f64),
            figure(placed as f64 / took),
            figure(timed(async |reading| prove(reading, id).await, &mut *reading).await?),
            figure(timed(async |reading| page(reading, &all, None).await, &mut *reading).await?),
            figure(timed(async |reading| page(reading, &all, Some(60)).await, &mut *reading).await?),
            figure(timed(async |reading| page(reading, &one, None).await, &mut *reading).await?),
        ]);
    }
    Ok(table)
}

/// Appends many entries; the first of them, and what it is about.
pub(crate) async fn fill(tenants: &Tenants) -> Outcome<(EventId, Uuid)> {
    let notes: Vec<_> = (0..FILL).map(|_| tenants.machine.next()).collect();
    let events = Events::all(notes.iter().map(|note| shown(*note))).ok_or("no event")?;
    let receipt = tenants.store.read(tenants.permit(0, &READ)?).await?.disclose(events).await?;
    let first = receipt.events().first().copied().zip(notes.first().copied());
    first.ok_or_else(|| "nothing was recorded".into())
}

async fn prove(reading: &mut dyn Reading, id: EventId) -> Outcome {
    prove_entry(reading, id, Which::Latest).await?;
    Ok(())
}

async fn page(reading: &mut dyn Reading, search: &Search, below: Option<u64>) -> Outcome {
    let found = reading.entries(search, below, 50).await?;
    if found.entries.is_empty() { Err("the page is empty".into()) } else { Ok(()) }
}

/// The median time of one of a hundred, in microseconds.
async fn timed(act: impl AsyncFn(&mut dyn Reading) -> Outcome, reading: &mut dyn Reading) -> Outcome<f64> {
    let mut times = Vec::new();
    for _ in 0..100 {
        let begun = Instant::now();
        act(reading).await?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().ok_or_else(|| "nothing was timed".into())
}
