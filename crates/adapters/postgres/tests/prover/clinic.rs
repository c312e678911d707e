//! A product team's own schema: a table, a partitioned one, a view and a function, all as they should be.

use ward_testkit::Database;

const CLINIC: &str = "
    CREATE SCHEMA clinic;
    GRANT USAGE ON SCHEMA clinic TO ward_app;
    CREATE TABLE clinic.note (
        tenant uuid NOT NULL DEFAULT ward.tenant(), id uuid NOT NULL, subject uuid NOT NULL, body text NOT NULL,
        PRIMARY KEY (tenant, id), UNIQUE (tenant, body),
        FOREIGN KEY (tenant, subject) REFERENCES ward.subject (tenant, id));
    CREATE TABLE clinic.visit (
        tenant uuid NOT NULL DEFAULT ward.tenant(), id uuid NOT NULL, room text NOT NULL, PRIMARY KEY (tenant, id)
    ) PARTITION BY HASH (tenant);
    CREATE TABLE clinic.visit_0 PARTITION OF clinic.visit FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE clinic.visit_1 PARTITION OF clinic.visit FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    SELECT ward.isolate(t) FROM unnest('{clinic.note, clinic.visit, clinic.visit_0, clinic.visit_1}'::regclass[]) t;
    GRANT SELECT, INSERT, UPDATE (subject, body), DELETE ON clinic.note TO ward_app;
    GRANT SELECT, INSERT, UPDATE (room), DELETE ON clinic.visit TO ward_app;
    CREATE VIEW clinic.notes WITH (security_invoker = true) AS SELECT id, body FROM clinic.note;
    GRANT SELECT ON clinic.notes TO ward_app;
    CREATE FUNCTION clinic.bodies(OUT body text) RETURNS SETOF text LANGUAGE sql STABLE
        AS $$ SELECT body FROM clinic.note $$;
    CREATE FUNCTION clinic.body(id uuid, fallback text) RETURNS text LANGUAGE sql STABLE
        AS $$ SELECT coalesce((SELECT n.body FROM clinic.note n WHERE n.id = $1), $2) $$;
    GRANT EXECUTE ON FUNCTION clinic.bodies(), clinic.body(uuid, text) TO ward_app";

/// A migrated database with a product team's schema beside Ward's own.
pub(crate) async fn database() -> Database {
    let db = Database::create().await.unwrap();
    db.run("postgres", format!("GRANT CREATE ON DATABASE {} TO ward_owner", db.name())).await.unwrap();
    db.run("ward_owner", CLINIC).await.unwrap();
    db
}
