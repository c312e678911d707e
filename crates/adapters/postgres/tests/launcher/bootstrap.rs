//! What a new server is given.

use sqlx::{Connection as _, Executor as _, PgConnection};
use ward_postgres::launcher::{Durability, bootstrap};

use crate::support::{Place, connect, number, start};

const ATTRIBUTES: &str = "
    SELECT count(*)::int FROM pg_roles WHERE rolname IN ('ward_owner', 'ward_app') AND rolcanlogin
       AND NOT (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication)
       AND rolinherit = (rolname = 'ward_owner')";

/// What the serving role may not do, before any migration.
const FORBIDDEN: [&str; 10] = [
    "CREATE TABLE t ()",
    "CREATE TEMP TABLE t ()",
    "CREATE SCHEMA s",
    "SELECT lo_creat(-1)",
    "SELECT lo_create(0)",
    r"SELECT lo_from_bytea(0, '\x00')",
    "SELECT lo_open(7, 131072)",
    "SELECT lo_get(7)",
    "SELECT lo_get(7, 0, 1)",
    r"SELECT lo_put(7, 0, '\x00')",
];

#[tokio::test]
async fn bootstrap_makes_the_roles_and_heals_them() {
    let place = Place::new();
    let cluster = start(&place.data(), Durability::None);
    let root = cluster.url("postgres", "postgres");
    bootstrap(&root, "ward").await.unwrap();
    let mut superuser = connect(&cluster).await;
    assert_eq!(number(&mut superuser, ATTRIBUTES).await, 2);
    superuser.execute("ALTER ROLE ward_app SUPERUSER BYPASSRLS; CREATE ROLE stranger LOGIN").await.unwrap();
    bootstrap(&root, "ward").await.unwrap();
    assert_eq!(number(&mut superuser, ATTRIBUTES).await, 2);

    let open = async |role: &str| PgConnection::connect(&cluster.url(role, "ward")).await;
    open("ward_owner").await.unwrap().execute("CREATE SCHEMA ward; CREATE TABLE ward.t ()").await.unwrap();
    let mut inside = PgConnection::connect(&cluster.url("postgres", "ward")).await.unwrap();
    inside.execute("SELECT lo_create(7); GRANT ALL ON LARGE OBJECT 7 TO PUBLIC").await.unwrap();
    let mut app = open("ward_app").await.unwrap();
    for forbidden in FORBIDDEN {
        let refused = app.execute(forbidden).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{forbidden}");
    }
    let stranger = open("stranger").await.unwrap_err();
    assert_eq!(stranger.as_database_error().unwrap().code().unwrap(), "42501");
    assert!(bootstrap(&root, "a;b").await.is_err());
}

#[tokio::test]
async fn two_may_bootstrap_at_once() {
    let place = Place::new();
    let cluster = start(&place.data(), Durability::None);
    let root = cluster.url("postgres", "postgres");
    let (first, second) = tokio::join!(bootstrap(&root, "ward"), bootstrap(&root, "ward"));
    first.unwrap();
    second.unwrap();
    assert_eq!(number(&mut connect(&cluster).await, ATTRIBUTES).await, 2);
}
