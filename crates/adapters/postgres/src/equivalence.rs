//! Both doors give the same rows for the same statement, whatever its shape and however it is planned: the tenant is always in force.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Row as _, ValueRef as _};
use uuid::Uuid;
use ward_testkit::Database;

use crate::connection::{Connection, bind};
use crate::gated::Gated;
use crate::turns::Shared;

/// What every `$1` stands for.
const NUMBER: i32 = 40;

const SCHEMA: &str = "
    CREATE SCHEMA clinic;
    CREATE TABLE clinic.person (tenant uuid NOT NULL DEFAULT ward.tenant(), id integer NOT NULL, floor integer NOT NULL,
        name text NOT NULL, PRIMARY KEY (tenant, id));
    CREATE TABLE clinic.visit (tenant uuid NOT NULL DEFAULT ward.tenant(), id integer NOT NULL, person integer NOT NULL,
        day date NOT NULL, cost integer NOT NULL, PRIMARY KEY (tenant, id),
        FOREIGN KEY (tenant, person) REFERENCES clinic.person (tenant, id));
    CREATE INDEX visit_person ON clinic.visit (tenant, person);
    CREATE INDEX visit_cost ON clinic.visit (tenant, cost);
    SELECT ward.isolate(t) FROM unnest('{clinic.person, clinic.visit}'::regclass[]) t;
    GRANT USAGE ON SCHEMA clinic TO ward_app;
    GRANT SELECT ON ALL TABLES IN SCHEMA clinic TO ward_app";

/// No statement names its tenant: what is left out is left out by row-level security.
const SHAPES: &[&str] = &[
    "SELECT * FROM clinic.person",
    "SELECT name FROM clinic.person WHERE id = $1",
    "SELECT * FROM clinic.visit WHERE tenant = ward.tenant() AND cost > $1",
    "SELECT current_setting('ward.tenant'), id FROM clinic.person",
    "SELECT count(*), sum(cost), min(day), avg(cost) FROM clinic.visit",
    "SELECT person, count(*), max(cost) FROM clinic.visit GROUP BY person HAVING count(*) > 1",
    "SELECT person, day, sum(cost) FROM clinic.visit GROUP BY GROUPING SETS ((person), (day), ())",
    "SELECT string_agg(name, ',' ORDER BY id), jsonb_agg(floor ORDER BY id) FROM clinic.person",
    "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY cost) FROM clinic.visit",
    "SELECT * FROM clinic.visit ORDER BY cost DESC, id LIMIT 7",
    "SELECT id, name FROM clinic.person ORDER BY id LIMIT $1::integer OFFSET 3",
    "SELECT id, name FROM clinic.person ORDER BY id LIMIT (SELECT count(*) / 2 FROM clinic.visit)",
    "SELECT DISTINCT floor, left(name, 3) FROM clinic.person",
    "SELECT DISTINCT ON (person) person, cost, id FROM clinic.visit ORDER BY person, cost DESC, id",
    "SELECT p.name, v.cost FROM clinic.person p JOIN clinic.visit v ON v.person = p.id WHERE v.cost > $1",
    "SELECT p.name, v.id FROM clinic.person p LEFT JOIN clinic.visit v ON v.person = p.id AND v.cost > $1",
    "SELECT p.name, v.id FROM clinic.visit v RIGHT JOIN clinic.person p USING (tenant, id)",
    "SELECT p.id, v.id, p.name FROM clinic.person p FULL JOIN clinic.visit v ON v.id = p.id + 3",
    "SELECT a.name, b.name FROM clinic.person a JOIN clinic.person b ON b.floor = a.floor AND b.id > a.id AND b.id < $1",
    "SELECT p.name, n FROM clinic.person p CROSS JOIN generate_series(1, 3) n WHERE p.id < $1",
    "SELECT name FROM clinic.person p WHERE EXISTS (SELECT FROM clinic.visit v WHERE v.person = p.id AND v.cost > $1)",
    "SELECT name FROM clinic.person p WHERE NOT EXISTS (SELECT FROM clinic.visit v WHERE v.person = p.id)",
    "SELECT name FROM clinic.person WHERE id IN (SELECT person FROM clinic.visit WHERE cost > $1)",
    "SELECT name FROM clinic.person WHERE id NOT IN (SELECT person FROM clinic.visit)",
    "SELECT name FROM clinic.person WHERE id = ANY (ARRAY(SELECT person FROM clinic.visit WHERE cost > $1))",
    "SELECT name, (SELECT sum(cost) FROM clinic.visit v WHERE v.person = p.id) FROM clinic.person p",
    "SELECT name, CASE WHEN (SELECT count(*) FROM clinic.visit) > $1 THEN floor ELSE -1 END FROM clinic.person",
    "SELECT name FROM clinic.person UNION SELECT day::text FROM clinic.visit",
    "SELECT id, 'p' FROM clinic.person UNION ALL SELECT cost, 'v' FROM clinic.visit",
    "(SELECT id FROM clinic.person) EXCEPT (SELECT person FROM clinic.visit)",
    "SELECT person, cost FROM clinic.visit INTERSECT SELECT person, cost FROM clinic.visit WHERE id > $1",
    "WITH dear AS (SELECT person FROM clinic.visit WHERE cost > $1) SELECT name FROM clinic.person JOIN dear ON person = id",
    "WITH dear AS MATERIALIZED (SELECT person, cost FROM clinic.visit) SELECT a.person, b.cost FROM dear a JOIN dear b USING (person, cost)",
    "WITH RECURSIVE up (id, name) AS (SELECT id, name FROM clinic.person WHERE id = $1
        UNION ALL SELECT p.id, p.name FROM up JOIN clinic.person p ON p.id = up.id - 7) SELECT * FROM up",
    "SELECT id, rank() OVER (PARTITION BY person ORDER BY cost DESC, id), sum(cost) OVER (ORDER BY id) FROM clinic.visit",
    "SELECT p.name, last.cost FROM clinic.person p
        CROSS JOIN LATERAL (SELECT cost FROM clinic.visit v WHERE v.person = p.id ORDER BY day DESC, id LIMIT 1) last",
    "SELECT p.name, v.cost FROM (SELECT * FROM clinic.person OFFSET 0) p, (SELECT * FROM clinic.visit LIMIT ALL) v WHERE v.person = p.id",
    "SELECT id, unnest(ARRAY[cost, person]) FROM clinic.visit WHERE id < $1",
    "SELECT id, cost FROM clinic.visit TABLESAMPLE BERNOULLI (100)",
];

const PLANS: &[&[(&str, &str)]] = &[
    &[],
    &[("plan_cache_mode", "force_generic_plan")],
    &[("plan_cache_mode", "force_custom_plan")],
    &[("enable_nestloop", "off")],
    &[("enable_hashjoin", "off"), ("enable_hashagg", "off")],
    &[("enable_mergejoin", "off"), ("enable_sort", "off")],
    &[
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("enable_memoize", "off"),
        ("enable_material", "off"),
    ],
    &[("enable_seqscan", "off"), ("enable_bitmapscan", "off")],
    &[("enable_seqscan", "off"), ("enable_indexscan", "off"), ("enable_indexonlyscan", "off")],
    &[("enable_indexscan", "off"), ("enable_indexonlyscan", "off"), ("enable_bitmapscan", "off")],
    &[("from_collapse_limit", "1"), ("join_collapse_limit", "1")],
    &[("geqo_threshold", "2")],
    &[
        ("force_parallel_mode", "on"),
        ("parallel_setup_cost", "0"),
        ("parallel_tuple_cost", "0"),
        ("min_parallel_table_scan_size", "0"),
        ("min_parallel_index_scan_size", "0"),
    ],
    &[("jit", "on"), ("jit_above_cost", "0")],
];

type Rows = Vec<Vec<Option<Vec<u8>>>>;

fn statement(shape: &str) -> Statement {
    let values = shape.contains("$1").then(|| Value::from(NUMBER));
    Statement::from_sql_and_values(DbBackend::Postgres, shape, values)
}

async fn through(door: &impl ConnectionTrait, shape: &str) -> Rows {
    let found = door.query_all_raw(statement(shape)).await.unwrap_or_else(|error| panic!("{shape}: {error}"));
    plain(found.iter().filter_map(QueryResult::try_as_pg_row))
}

/// As they came over the wire, in an order of their own.
fn plain<'a>(rows: impl Iterator<Item = &'a sqlx::postgres::PgRow>) -> Rows {
    let value = |row: &sqlx::postgres::PgRow, n| {
        let raw = row.try_get_raw(n).unwrap();
        (!raw.is_null()).then(|| raw.as_bytes().unwrap().to_vec())
    };
    let mut rows: Rows = rows.map(|row| (0..row.len()).map(|n| value(row, n)).collect()).collect();
    rows.sort();
    rows
}

/// What a unit finds, which must be what a gated statement finds.
async fn found(pool: &Shared, tenant: Uuid, shape: &str) -> Rows {
    let rows = through(&Connection::open(pool, tenant, false).await.unwrap(), shape).await;
    let gated = through(&Gated::new(pool.clone(), tenant), shape).await;
    assert!(gated == rows, "{shape}: {} rows through the gate, {} in a unit", gated.len(), rows.len());
    rows
}

/// What a statement finds that comes through neither door.
async fn without_a_tenant(pool: &PgPool, shape: &str) -> Rows {
    plain(bind(statement(shape)).fetch_all(pool).await.unwrap().iter())
}

async fn clinic([a, b]: [Uuid; 2]) -> Database {
    let db = Database::create().await.unwrap();
    db.run("ward_owner", SCHEMA).await.unwrap();
    for (tenant, people, name) in [(a, 120, "Ada"), (b, 90, "Bea")] {
        let fill = format!(
            "SET ward.tenant = '{tenant}';
             INSERT INTO clinic.person (id, floor, name) SELECT n, n % 5, '{name} ' || n FROM generate_series(1, {people}) n;
             INSERT INTO clinic.visit (id, person, day, cost)
             SELECT n, 1 + n * n % {}, '2026-01-01'::date + n % 30, n * 7 % {people} FROM generate_series(1, 2 * {people}) n",
            people - 10
        );
        db.run("ward_owner", fill).await.unwrap();
    }
    db.run("ward_owner", "ANALYZE clinic.person, clinic.visit").await.unwrap();
    db
}

#[tokio::test]
async fn both_doors_find_the_same_rows_however_a_statement_is_planned() {
    let [a, b, empty] = [1, 2, 3].map(Uuid::from_u128);
    let db = clinic([a, b]).await;
    for plan in PLANS {
        let options: PgConnectOptions = db.url("ward_app").parse().unwrap();
        let options = options.options(plan.iter().copied());
        let pooled = PgPoolOptions::new().max_connections(2);
        let pool = pooled.clone().connect_with(options).await.unwrap();
        let shared = Shared::new(pool.clone(), &pooled);
        for shape in SHAPES {
            let (of_a, of_b) = (found(&shared, a, shape).await, found(&shared, b, shape).await);
            let nothing = without_a_tenant(&pool, shape).await;
            assert!(of_a != of_b && of_a != nothing && of_b != nothing, "{plan:?} {shape}: it tells nothing");
            let of_nobody = found(&shared, empty, shape).await;
            assert!(of_nobody == nothing, "{plan:?} {shape}: without a tenant it finds something");
        }
        pool.close().await;
    }
}
