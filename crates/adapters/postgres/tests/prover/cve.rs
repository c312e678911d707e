//! Holes that PostgreSQL had in row-level security: closed on a server that the proof calls fixed, open on an older one, where the proof
//! is degraded.

use sqlx::{Connection as _, PgConnection};
use ward_postgres::prover::{Declaration, prove};
use ward_testkit::Database;

use crate::clinic;
use crate::seed::{A, B};

/// `closed` must be what the version promises.
async fn promised(db: &Database, closed: bool) {
    let mut app = db.connect("ward_app").await.unwrap();
    let proof = prove(&mut app, &Declaration::ward()).await.unwrap();
    match (proof.server_version_num, proof.shortfall()) {
        (_, None) => assert!(closed, "a fixed server with the hole"),
        (150_000..160_000, Some(_)) => assert!(!closed, "a hole that this test does not find"),
        (_, Some(_)) => println!("nobody has verified this major version; closed: {closed}"),
    }
    assert_ne!(proof.findings, [], "a schema that invites the hole is refused on any server");
}

async fn as_app(db: &Database, setup: String) -> PgConnection {
    db.run("ward_owner", setup).await.unwrap();
    let mut app = db.connect("ward_app").await.unwrap();
    sqlx::raw_sql("BEGIN").execute(&mut app).await.unwrap();
    app
}

#[tokio::test]
async fn on_conflict_tells_no_row_of_others_to_a_leaky_function() {
    let db = clinic::database().await;
    let setup = format!(
        "CREATE TABLE clinic.person (id integer PRIMARY KEY, tenant uuid NOT NULL, secret text NOT NULL);
         SELECT ward.isolate('clinic.person');
         GRANT SELECT, INSERT, UPDATE ON clinic.person TO ward_app;
         CREATE FUNCTION clinic.told(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'told %', $1; END $$;
         GRANT EXECUTE ON FUNCTION clinic.told(text) TO ward_app;
         SET ward.tenant = '{B}';
         INSERT INTO clinic.person VALUES (1, '{B}', 'the secret of B')"
    );
    let mut app = as_app(&db, setup).await;
    let insert = format!(
        "SET LOCAL ward.tenant = '{A}'; INSERT INTO clinic.person VALUES (1, '{A}', 'mine')
         ON CONFLICT (id) DO UPDATE SET secret = 'mine' WHERE clinic.told(person.secret)"
    );
    let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(insert)).execute(&mut app).await.unwrap_err().to_string();
    promised(&db, !refused.contains("told the secret of B")).await;
}

/// By a role of the test's own: DROP OWNED reaches the grants on every database of the server, those of other tests too.
#[tokio::test]
async fn drop_owned_takes_nobody_out_of_a_restrictive_policy() {
    let db = clinic::database().await;
    let role = format!("owner_in_{}", db.name());
    let setup = format!(
        "CREATE ROLE {role} LOGIN; GRANT CONNECT ON DATABASE {0} TO {role};
         CREATE TABLE clinic.closed (tenant uuid NOT NULL); SELECT ward.isolate('clinic.closed');
         CREATE POLICY shut ON clinic.closed AS RESTRICTIVE TO {role} USING (false);
         GRANT SELECT ON clinic.closed TO {role}",
        db.name()
    );
    db.run("postgres", setup).await.unwrap();
    db.run(&role, "DROP OWNED BY CURRENT_USER").await.unwrap();
    let left = format!(
        "SELECT count(*) FROM pg_policy WHERE polname = 'shut' AND polroles = ARRAY['{role}'::regrole::oid]"
    );
    let mut root = db.connect("postgres").await.unwrap();
    let left: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(left)).fetch_one(&mut root).await.unwrap();
    root.close().await.unwrap();
    promised(&db, left == 1).await;
}
