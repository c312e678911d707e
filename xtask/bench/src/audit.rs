//! The audit log, appended to beside what else one could do.

use std::sync::Arc;

use sqlx::{PgConnection, PgPool};
use tokio::sync::Mutex;
use ward::Store as _;
use ward::audit::Event;
use ward::kernel::{self, Ids as _, Uuid};

use crate::rounds::{Contender, Effort, compete};
use crate::table::{Table, figure};
use crate::unit::{READ, SHOWN, rows};
use crate::world::World;
use crate::{Outcome, growth};

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
/// Connections of the plain INSERT's own, each of which a writer holds: more slow the server down.
const HELD: usize = 64;

pub(crate) async fn measure(effort: Effort) -> Outcome<Vec<Table>> {
    Ok(vec![appended(effort).await?, growth::prompt(effort).await?, growth::grown(effort).await?])
}

/// Appends a second, each acknowledged when it is on the disk.
async fn appended(effort: Effort) -> Outcome<Table> {
    let world = World::create(TABLES, &[&READ]).await?;
    let mut held = Vec::new();
    for _ in 0..HELD {
        held.push(Mutex::new(world.db.connect("ward_app").await?));
    }
    let log = Arc::new(Log { world, held, body: "x".repeat(BODY) });
    let head = ["appends that explain no change", "clients", "p50 µs", "× plain", "a second", "of plain"];
    let mut table = Table::new("The audit log, appended to", head);
    for writers in WRITERS {
        let contenders = [
            log.contender("plain INSERT of the leaf", |log, writer| async move { log.insert(writer).await }),
            log.contender("a chain of digests under a lock", |log, _| async move { log.chain().await }),
            log.contender("Ward", |log, _| async move { log.append().await }),
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
    held: Vec<Mutex<PgConnection>>,
    body: String,
}

impl Log {
    fn contender<F: Future<Output = Outcome> + Send + 'static>(
        self: &Arc<Self>,
        name: &'static str,
        act: impl Fn(Arc<Self>, usize) -> F + Send + Sync + 'static,
    ) -> Contender {
        let log = self.clone();
        Contender::new(name, move |writer| act(log.clone(), writer))
    }

    fn pool(&self) -> &PgPool {
        self.world.bare.get_postgres_connection_pool()
    }

    async fn insert(&self, writer: usize) -> Outcome {
        let mut held = self.held.get(writer % HELD).ok_or("no connection")?.lock().await;
        let insert = sqlx::query(INSERT).bind(Uuid::from(self.world.tenant)).bind(self.world.machine.next());
        insert.bind(&self.body).bind(&[7_u8; 32][..]).execute(&mut *held).await?;
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

pub(crate) fn shown(id: Uuid) -> Event {
    Event::of(&READ, SHOWN, kernel::Entity::new("note", id)).disclosing(["body"])
}
