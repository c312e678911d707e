//! An import: sealed, indexed and audited, beside plain multi-row INSERT of the same rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::{PgPool, QueryBuilder};
use ward::Store as _;
use ward::audit::Events;
use ward::kernel::{Clock as _, Ids as _};
use ward::subject::import::{Importer, Line, Mapping, Rows, Syntax, batch};
use ward::subject::{Catalogue, IMPORT_DATA, Kind};

use crate::Outcome;
use crate::rounds::{Contender, Effort, compete};
use crate::table::Table;
use crate::unit::rows as lines;
use crate::world::World;

const PEOPLE: &str = include_str!("../../../demo/clinicians_us.csv");
const BATCH: usize = 500;
/// Rows in one act.
const ACT: usize = 2_000;

pub(crate) async fn measure(effort: Effort) -> Outcome<Vec<Table>> {
    let people = Arc::new(People::create().await?);
    let contender = |name, ward: bool| {
        let people = people.clone();
        Contender::new(name, move |_| {
            let people = people.clone();
            async move { if ward { people.import().await } else { people.insert().await } }
        })
    };
    let contenders =
        [contender("plain INSERT of 500 rows", false), contender("import, in batches of 500", true)];
    let title = format!("{ACT} clinicians a time: what counts is the last column");
    let mut table = Table::new(&title, ["", "clients", "µs", "× plain", "a second", "of plain"]);
    lines(&mut table, 1, &compete(effort, 1, &contenders).await?);
    Ok(vec![table])
}

struct People {
    world: World,
    plain: PgPool,
    header: String,
    people: Vec<&'static str>,
    catalogue: Catalogue,
    mapping: Mapping,
    turn: AtomicUsize,
}

impl People {
    async fn create() -> Outcome<Self> {
        let mut people = PEOPLE.lines();
        let header = people.next().ok_or("the demo has no header")?.to_owned();
        let columns: Vec<_> = header.split(',').map(|name| format!("{name} text")).collect();
        let tables = format!(
            "CREATE SCHEMA bench;
             CREATE TABLE bench.person (tenant uuid, id uuid, {}, PRIMARY KEY (tenant, id));
             CREATE UNIQUE INDEX ON bench.person (tenant, external_ref);
             CREATE INDEX ON bench.person (tenant, email);
             CREATE INDEX ON bench.person (tenant, phone);
             GRANT USAGE ON SCHEMA bench TO ward_app; GRANT INSERT ON bench.person TO ward_app",
            columns.join(", ")
        );
        let world = World::create(&tables, &[&IMPORT_DATA]).await?;
        let plain = world.bare.get_postgres_connection_pool().clone();
        let (catalogue, mapping) = (Catalogue::standard(), Mapping::standard(Kind::Clinician));
        let people = people.take(ACT).collect();
        Ok(Self { world, plain, header, people, catalogue, mapping, turn: AtomicUsize::default() })
    }

    /// The same people under names that nobody has yet.
    fn file(&self) -> String {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let row = |person: &&str| format!("\n{turn}-{person}");
        std::iter::once(self.header.clone()).chain(self.people.iter().map(row)).collect()
    }

    async fn insert(&self) -> Outcome {
        let file = self.file();
        let rows: Vec<Vec<&str>> = file.lines().skip(1).map(|line| line.split(',').collect()).collect();
        for chunk in rows.chunks(BATCH) {
            let mut insert = QueryBuilder::new("INSERT INTO bench.person ");
            insert.push_values(chunk, |mut values, row| {
                values.push_bind(uuid(self.world.tenant)).push_bind(self.world.machine.next());
                for cell in row {
                    values.push_bind((*cell).to_owned());
                }
            });
            insert.build().execute(&self.plain).await?;
        }
        Ok(())
    }

    async fn import(&self) -> Outcome {
        let (mut rows, mut lines) = (Rows::new(Syntax::Csv), Vec::new());
        rows.feed(self.file().as_bytes(), &mut lines);
        rows.finish(&mut lines);
        let bytes = |line: &Line| line.bytes.clone().map_err(|why| why.to_owned());
        let header = bytes(lines.first().ok_or("no header")?)?;
        let header = self.mapping.header(&header).map_err(|_| "the header doesn't fit")?;
        for chunk in lines.get(1..).unwrap_or_default().chunks(BATCH) {
            let mut parsed = Vec::with_capacity(chunk.len());
            for line in chunk {
                let row =
                    self.mapping.row(&self.catalogue, Syntax::Csv, &header, (line.number, &bytes(line)?));
                parsed.push(row.map_err(|_| "a row is refused")?);
            }
            let mut unit = self.world.store.begin(self.world.permit(&IMPORT_DATA)?).await?;
            let keys = unit.keys();
            let importer = Importer {
                operation: &IMPORT_DATA,
                tenant: self.world.tenant,
                now: self.world.machine.now(),
                ids: &*self.world.machine,
                digest: &|row| keys.import().digest(row),
            };
            let mut stored = batch(&mut *unit, &importer, &parsed).await?;
            let events = Events::all(std::mem::take(&mut stored.events)).ok_or("nothing was stored")?;
            unit.commit(events).await?;
        }
        Ok(())
    }
}

fn uuid(tenant: ward::kernel::TenantId) -> ward::kernel::Uuid {
    tenant.into()
}
