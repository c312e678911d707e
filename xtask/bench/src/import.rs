//! An import, sent as a file through HTTP: sealed, indexed and audited, beside plain multi-row INSERT of the same rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::Method;
use hyper::body::Bytes;
use sqlx::{PgPool, QueryBuilder};
use ward::kernel::{Ids as _, Uuid};
use ward_testkit::Machine;

use crate::Outcome;
use crate::http::{Clients, ward};
use crate::rounds::{Contender, Effort, compete};
use crate::table::Table;
use crate::unit::rows as lines;
use crate::world::{bare, database};

const PEOPLE: &str = include_str!("../../../demo/clinicians_us.csv");
/// How often a file names them all, each time as somebody else.
const TIMES: usize = 5;
/// Rows of one INSERT.
const BATCH: usize = 500;

pub(crate) async fn measure(effort: Effort) -> Outcome<Vec<Table>> {
    let (db, other) = (database().await?, database().await?);
    let (server, key) = ward(&db).await?;
    let mut people = PEOPLE.lines();
    let header = people.next().ok_or("the demo has no header")?.to_owned();
    other.run("ward_owner", &tables(&header)).await?;
    let clients = Clients::connect(server.address(), &key).await?;
    let people = people.collect();
    let (plain, machine) = (bare(&other).await?, Machine::default());
    let tenant = machine.next();
    let files = Files { header, people, turn: AtomicUsize::default(), clients, plain, machine, tenant };
    let files = Arc::new(files);
    let contender = |name, ward: bool| {
        let files = files.clone();
        Contender::new(name, move |_| {
            let files = files.clone();
            async move { if ward { files.import().await } else { files.insert().await } }
        })
    };
    let contenders = [contender("plain INSERT of 500 rows", false), contender("POST /v1/imports", true)];
    let title = format!("{} clinicians a time: what counts is the last column", TIMES * files.people.len());
    let mut table = Table::new(&title, ["", "clients", "µs", "× plain", "a second", "of plain"]);
    lines(&mut table, 1, &compete(effort, 1, &contenders).await?);
    server.stop().await?;
    Ok(vec![table])
}

/// A table for the same rows, found by the same names.
fn tables(header: &str) -> String {
    let columns: Vec<_> = header.split(',').map(|name| format!("{name} text")).collect();
    format!(
        "CREATE SCHEMA bench;
         CREATE TABLE bench.person (tenant uuid, id uuid, {}, PRIMARY KEY (tenant, id));
         CREATE UNIQUE INDEX ON bench.person (tenant, external_ref);
         CREATE INDEX ON bench.person (tenant, email);
         CREATE INDEX ON bench.person (tenant, phone);
         GRANT USAGE ON SCHEMA bench TO ward_app; GRANT INSERT ON bench.person TO ward_app",
        columns.join(", ")
    )
}

struct Files {
    header: String,
    people: Vec<&'static str>,
    turn: AtomicUsize,
    clients: Clients,
    plain: PgPool,
    machine: Machine,
    tenant: Uuid,
}

impl Files {
    /// The same people under names that nobody has yet.
    fn file(&self) -> String {
        let turn = self.turn.fetch_add(TIMES, Ordering::Relaxed);
        let names =
            (turn..turn + TIMES).flat_map(|turn| self.people.iter().map(move |person| (turn, person)));
        let row = |(turn, person)| format!("\n{turn}-{person}");
        std::iter::once(self.header.clone()).chain(names.map(row)).collect()
    }

    async fn insert(&self) -> Outcome {
        let file = self.file();
        let rows: Vec<Vec<&str>> = file.lines().skip(1).map(|line| line.split(',').collect()).collect();
        for chunk in rows.chunks(BATCH) {
            let mut insert = QueryBuilder::new("INSERT INTO bench.person ");
            insert.push_values(chunk, |mut values, row| {
                values.push_bind(self.tenant).push_bind(self.machine.next());
                for cell in row {
                    values.push_bind((*cell).to_owned());
                }
            });
            insert.build().execute(&self.plain).await?;
        }
        Ok(())
    }

    async fn import(&self) -> Outcome {
        let file = ("text/csv", Bytes::from(self.file()));
        let told = self.clients.exchange(0, Method::POST, "/v1/imports?kind=clinician", file).await?;
        let all = Some((TIMES * self.people.len()) as u64);
        let accepted = told.get("accepted").and_then(serde_json::Value::as_u64) == all;
        accepted.then_some(()).ok_or_else(|| told.to_string().into())
    }
}
