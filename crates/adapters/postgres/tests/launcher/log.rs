//! What the server of a private cluster leaves in its log, and how much.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use sqlx::{Connection as _, Executor as _, PgConnection};
use uuid::Uuid;
use ward_postgres::launcher::{Cluster, Durability, bootstrap};
use ward_postgres::migrate;
use ward_postgres::prover::{Declaration, attack};

use crate::support::{Place, connect, start};

fn log(place: &Place) -> String {
    fs::read_to_string(place.data().join("log")).unwrap()
}

#[tokio::test]
async fn the_log_holds_no_value_of_a_failed_statement() {
    let place = Place::new();
    let cluster = start(&place.data(), Durability::None);
    let mut connection = connect(&cluster).await;
    connection.execute("CREATE TABLE people (name text PRIMARY KEY, age int CHECK (age > 0))").await.unwrap();
    connection.execute("INSERT INTO people VALUES ('Wagner', 1)").await.unwrap();
    for failing in ["INSERT INTO people VALUES ('Wagner', 2)", "INSERT INTO people VALUES ('Meadows', 0)"] {
        connection.execute(failing).await.unwrap_err();
        sqlx::query("INSERT INTO people VALUES ($1, 0)")
            .bind("Keene")
            .execute(&mut connection)
            .await
            .unwrap_err();
    }
    cluster.stop().unwrap();
    let log = log(&place);
    assert!(log.contains("violates check constraint"), "the failures are not in the log: {log}");
    assert!(["Wagner", "Meadows", "Keene"].iter().all(|name| !log.contains(name)), "{log}");
    assert_eq!(fs::metadata(place.data().join("log")).unwrap().mode() & 0o777, 0o600);
}

async fn app(cluster: &Cluster) -> PgConnection {
    PgConnection::connect(&cluster.url("ward_app", "ward")).await.unwrap()
}

#[tokio::test]
async fn checks_of_isolation_leave_no_trace_in_the_log_and_what_stops_the_server_or_its_owner_does() {
    let place = Place::new();
    let cluster = start(&place.data(), Durability::None);
    bootstrap(&cluster.url("postgres", "postgres"), "ward").await.unwrap();
    let owner = cluster.url("ward_owner", "ward");
    migrate(&owner, None).await.unwrap();
    let before = log(&place).len();
    for _ in 0..5 {
        let mut app = app(&cluster).await;
        let report =
            attack(&mut app, &Declaration::ward(), Uuid::from_u128(1), Uuid::from_u128(2)).await.unwrap();
        assert!(report.telling() > 100, "{report}");
    }
    let said = log(&place).split_off(before);
    assert!(said.len() < 2_000, "{said}");

    let mut owner = PgConnection::connect(&owner).await.unwrap();
    owner.execute("SELECT FROM nowhere").await.unwrap_err();
    let mut ended = app(&cluster).await;
    let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ward_app'";
    connect(&cluster).await.execute(all).await.unwrap();
    ended.ping().await.unwrap_err();
    let said = log(&place).split_off(before);
    assert!(said.contains("ERROR:  relation \"nowhere\" does not exist"), "{said}");
    assert!(said.contains("FATAL:  terminating connection due to administrator command"), "{said}");
}

#[tokio::test]
async fn a_log_that_grows_too_long_is_cut_back_while_the_server_runs() {
    let place = Place::new();
    let mut cluster = start(&place.data(), Durability::None);
    let mut connection = connect(&cluster).await;
    connection.execute("DO $$ BEGIN RAISE LOG 'first % last', repeat('x', 3000000); END $$").await.unwrap();
    assert!(!cluster.revive().unwrap(), "it had not died");
    assert_eq!(log(&place), "");
    let aside = place.data().join("log.1");
    assert_eq!(fs::metadata(&aside).unwrap().mode() & 0o777, 0o600);
    let kept = fs::read_to_string(&aside).unwrap();
    assert!(kept.len() == 1 << 20 && kept.ends_with("x last\n"));

    connection.execute("DO $$ BEGIN RAISE LOG 'afterwards'; END $$").await.unwrap();
    assert!(!cluster.revive().unwrap());
    let said = log(&place);
    assert!(said.len() < 200 && said.contains("afterwards"), "{said}");
    assert_eq!(fs::read_to_string(&aside).unwrap(), kept);
}
