//! The audit log: appended to beside what else one could do, and read as it grows.

use std::sync::Arc;
use std::time::Instant;

use futures::future::try_join_all;
use sqlx::PgPool;
use ward::audit::log::{Which, prove_entry};
use ward::audit::{Event, Events, Search};
use ward::kernel::{self, EventId, Ids as _, Uuid};
use ward::{Reading, Sequencer, Store as _};

use crate::Outcome;
use crate::rounds::{Contender, Effort, compete};
use crate::table::{Table, figure};
use crate::unit::{READ, SHOWN, rows};
use crate::world::{Tenants, World};

/// The same leaf in a plain table; and a chain, whose rows each hold the digest of the one before.
const TABLES: &str = "
    CREATE SCHEMA bench;
    CREATE TABLE bench.leaf (tenant uuid, id uuid, at timestamptz NOT NULL DEFAULT clock_timestamp(), body text NOT NULL, mac bytea NOT NULL, source bytea,
        PRIMARY KEY (tenant, id));
    CREATE TABLE bench.chain (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant uuid, id uuid, at timestamptz NOT NULL DEFAULT clock_timestamp(),
        body text NOT NULL, digest bytea NOT NULL);
    INSERT INTO bench.chain (body, digest) VALUES ('', '');
    GRANT USAGE ON SCHEMA bench TO ward_app;
    GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA bench TO ward_app";
const INSERT: &str = "INSERT INTO bench.leaf (tenant, id, body, mac) VALUES ($1, $2, $3, $4)";
const CHAIN: &str = "
    INSERT INTO bench.chain (tenant, id, body, digest)
    SELECT $1, $2, $3, sha256(c.digest || convert_to($3, 'UTF8')) FROM bench.chain c ORDER BY c.n DESC LIMIT 1";
const COPY: &str = "COPY bench.leaf (tenant, id, body, mac) FROM STDIN";
/// About as long as the entry of a disclosure.
const BODY: usize = 500;

const WRITERS: [usize; 5] = [1, 16, 64, 256, 1_024];
/// As many entries as one append takes to fill the log.
const FILL: usize = 1_000;

pub(crate) async fn measure(effort: Effort) -> Outcome<Vec<Table>> {
    let grown = if effort == Effort::FULL { &[10_000, 100_000, 1_000_000][..] } else { &[2_000, 20_000] };
    Ok(vec![appended(effort).await?, grown_to(grown).await?])
}

/// Appends a second, each acknowledged when it is on the disk.
async fn appended(effort: Effort) -> Outcome<Table> {
    let log = Arc::new(Log { world: World::create(TABLES, &[&READ]).await?, body: "x".repeat(BODY) });
    let head = ["appends that explain no change", "clients", "p50 µs", "× plain", "a second", "of plain"];
    let mut table = Table::new("The audit log, appended to", head);
    for writers in WRITERS {
        let contenders = [
            log.contender("plain INSERT of the leaf", |log| async move { log.insert().await }),
            log.contender("a chain of digests under a lock", |log| async move { log.chain().await }),
            log.contender("Ward", |log| async move { log.append().await }),
        ];
        rows(&mut table, writers, &compete(effort, writers, &contenders).await?);
        let copy = log.clone();
        let copy = Contender::new("COPY of as many rows, by one", move |_| {
            let log = copy.clone();
            async move { log.copy(writers).await }
        });
        for score in compete(effort, 1, &[copy]).await? {
            let (cost, rate) = (figure(score.cost.median()), figure(score.rate.median() * writers as f64));
            table.row([score.name.to_owned(), writers.to_string(), cost, String::new(), rate, String::new()]);
        }
    }
    Ok(table)
}

struct Log {
    world: World,
    body: String,
}

impl Log {
    fn contender<F: Future<Output = Outcome> + Send + 'static>(
        self: &Arc<Self>,
        name: &'static str,
        act: impl Fn(Arc<Self>) -> F + Send + Sync + 'static,
    ) -> Contender {
        let log = self.clone();
        Contender::new(name, move |_| act(log.clone()))
    }

    fn pool(&self) -> &PgPool {
        self.world.bare.get_postgres_connection_pool()
    }

    async fn insert(&self) -> Outcome {
        let insert = sqlx::query(INSERT).bind(Uuid::from(self.world.tenant)).bind(self.world.machine.next());
        insert.bind(&self.body).bind(&[7_u8; 32][..]).execute(self.pool()).await?;
        Ok(())
    }

    async fn chain(&self) -> Outcome {
        let mut locked = self.pool().begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock(7)").execute(&mut *locked).await?;
        let link = sqlx::query(CHAIN).bind(Uuid::from(self.world.tenant)).bind(self.world.machine.next());
        link.bind(&self.body).execute(&mut *locked).await?;
        Ok(locked.commit().await?)
    }

    async fn copy(&self, rows: usize) -> Outcome {
        let mut connection = self.pool().acquire().await?;
        let mut copy = connection.copy_in_raw(COPY).await?;
        let (tenant, mac) = (Uuid::from(self.world.tenant), "07".repeat(32));
        let row = |_| format!("{tenant}\t{}\t{}\t\\\\x{mac}\n", self.world.machine.next(), self.body);
        copy.send((0..rows).map(row).collect::<String>().into_bytes()).await?;
        copy.finish().await?;
        Ok(())
    }

    async fn append(&self) -> Outcome {
        let reading = self.world.store.read(self.world.permit(&READ)?).await?;
        reading.disclose(shown(self.world.machine.next())).await?;
        Ok(())
    }
}

fn shown(id: Uuid) -> Event {
    Event::of(&READ, SHOWN, kernel::Entity::new("note", id)).disclosing(["body"])
}

/// What a log costs that has so many entries.
async fn grown_to(sizes: &[usize]) -> Outcome<Table> {
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
async fn fill(tenants: &Tenants) -> Outcome<(EventId, Uuid)> {
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
