//! The attack on a schema as it should be.

use sqlx::Row as _;
use ward_postgres::prover::{Declaration, Report, attack};
use ward_testkit::Database;

use crate::clinic;
use crate::seed::{A, B, seed};

/// The whole database, superuser's view: what an attack must leave as it was.
const EVERYTHING: &str = "SELECT md5(query_to_xml(string_agg(format('SELECT %L AS t, x::text FROM %s x', c.oid::regclass, c.oid::regclass),
                              ' UNION ALL ' ORDER BY c.oid) || ' ORDER BY 1, 2', true, false, '')::text)
                          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                          WHERE c.relkind = 'r' AND n.nspname IN ('ward', 'clinic')";

pub(crate) async fn attacked(db: &Database) -> Report {
    let mut app = db.connect("ward_app").await.unwrap();
    attack(&mut app, &Declaration::ward(), A, B).await.unwrap()
}

async fn everything(db: &Database) -> String {
    let mut root = db.connect("postgres").await.unwrap();
    sqlx::query_scalar(EVERYTHING).fetch_one(&mut root).await.unwrap()
}

#[tokio::test]
async fn every_attack_on_a_clean_schema_is_repelled_and_leaves_nothing() {
    let db = clinic::database().await;
    seed(&db).await;
    let before = everything(&db).await;
    let report = attacked(&db).await;
    println!("{report}");
    assert_eq!(report.breaches, [], "{report}");
    assert_eq!((report.tables, report.views, report.left_out), (25, 1, 19), "and of partitions, the last");
    assert!(report.probes > 1000 && report.telling() == report.probes, "none may be vacuous here: {report}");
    assert_eq!(everything(&db).await, before);
}

/// An entry of last month before each.
const OLDER: &str = "
    SET session_replication_role = replica;
    INSERT INTO ward.audit_leaf SELECT (jsonb_populate_record(l, jsonb_build_object('id', ward.first_id(m.at), 'at', m.at))).*
    FROM ward.audit_leaf l, LATERAL (SELECT date_trunc('month', l.at, 'UTC') - interval '1 hour' AS at) m;
    WITH newer AS (DELETE FROM ward.audit_leaf WHERE at >= date_trunc('month', now(), 'UTC') RETURNING *)
    INSERT INTO ward.audit_leaf SELECT * FROM newer";

#[tokio::test]
async fn an_attack_knows_the_newest_row_that_its_victim_has() {
    let db = Database::create().await.unwrap();
    seed(&db).await;
    db.run("postgres", OLDER).await.unwrap();
    let report = attacked(&db).await;
    assert_eq!(report.breaches, [], "{report}");
    assert_eq!(report.telling(), report.probes, "an older entry is refused for its id: {report}");
}

#[tokio::test]
async fn an_attack_without_canaries_says_that_it_is_vacuous() {
    let db = Database::create().await.unwrap();
    let report = attacked(&db).await;
    assert_eq!(report.breaches, [], "{report}");
    assert!(report.vacuous > 40 * (report.tables - 2), "{report}");
    assert!(report.telling() > 0, "what is refused needs no rows: {report}");
}

#[tokio::test]
async fn an_attack_leaves_nothing_on_its_connection() {
    let db = Database::create().await.unwrap();
    let mut app = db.connect("ward_app").await.unwrap();
    attack(&mut app, &Declaration::ward(), A, B).await.unwrap();
    let left = "SELECT concat_ws('; ', coalesce(current_setting('ward.tenant'), 'null'), now() = statement_timestamp(),
                                 current_setting('search_path'), current_setting('transaction_isolation'))";
    let row = sqlx::raw_sql(left).fetch_one(&mut app).await.unwrap();
    assert_eq!(row.get::<String, _>(0), "; t; \"$user\", public; read committed");
}
