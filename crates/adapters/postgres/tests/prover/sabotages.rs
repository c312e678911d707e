//! Ways to break isolation. `{t}` is a table with its schema, `{n}` its name with `_` for `.`, `{pk}` its primary key, `{c}` a column that
//! is not the tenant, `{p}` the oldest partition of the log, which nobody attacks.

/// A rule that must find it, what the finding must name, and how it is done.
pub(crate) type Sabotage = (&'static str, &'static str, &'static str);

/// Done to every tenant table in turn.
pub(crate) const OF_EACH_TABLE: &[Sabotage] = &[
    ("R01", "{t}", "ALTER TABLE {t} DISABLE ROW LEVEL SECURITY"),
    ("R02", "{t}", "ALTER TABLE {t} NO FORCE ROW LEVEL SECURITY"),
    ("R03", "{t}", "ALTER TABLE {t} RENAME COLUMN tenant TO proprietor"),
    (
        "R04",
        "{t}",
        "ALTER TABLE {t} DROP CONSTRAINT {pk} CASCADE; ALTER TABLE {t} ALTER COLUMN tenant DROP NOT NULL",
    ),
    ("R05", "{t}", "ALTER POLICY tenant ON {t} USING (tenant = ward.tenant())"),
    ("R05", "{t}", "ALTER POLICY tenant ON {t} USING (true)"),
    ("R05", "{t}", "ALTER POLICY tenant ON {t} WITH CHECK (true)"),
    (
        "R05",
        "{t}",
        "ALTER POLICY tenant ON {t} USING (tenant = (SELECT ward.tenant()) OR (SELECT ward.tenant()) IS NULL)",
    ),
    (
        "R05",
        "{t}",
        "CREATE FUNCTION ward.same(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true';
                    CREATE OPERATOR ward.= (FUNCTION = ward.same, LEFTARG = uuid, RIGHTARG = uuid);
                    ALTER POLICY tenant ON {t} USING (tenant OPERATOR(ward.=) (SELECT ward.tenant()))",
    ),
    (
        "R05",
        "{t}",
        "DROP POLICY tenant ON {t}; CREATE POLICY tenant ON {t} USING (tenant = (SELECT ward.tenant()))",
    ),
    ("R06", "{t}", "ALTER POLICY tenant ON {t} TO ward_app"),
    (
        "R06",
        "{t}",
        "CREATE POLICY more ON {t} AS RESTRICTIVE TO ward_app USING (tenant = (SELECT ward.tenant()))
                        WITH CHECK (tenant = (SELECT ward.tenant()))",
    ),
    ("R07", "{t}", "DROP POLICY tenant ON {t}"),
    ("R07", "{t}", "CREATE POLICY open ON {t} USING (true)"),
    (
        "R07",
        "{t}",
        "DROP POLICY tenant ON {t}; CREATE POLICY tenant ON {t} FOR SELECT USING (tenant = (SELECT ward.tenant()))",
    ),
    ("R08", "{t}", "CREATE UNIQUE INDEX ON {t} ({c})"),
    ("R08", "{t}", "CREATE UNIQUE INDEX ON {t} (({c}::text)) INCLUDE (tenant)"),
    ("R08", "{t}", "ALTER TABLE {t} ADD EXCLUDE USING btree ({c} WITH =)"),
    (
        "R09",
        "{t}",
        "CREATE TABLE ward.bait (id uuid PRIMARY KEY); ALTER TABLE {t} ADD FOREIGN KEY (tenant) REFERENCES ward.bait (id)",
    ),
    ("R12", "{t}", "ALTER TABLE {t} OWNER TO ward_app"),
    ("R13", "{t}", "GRANT TRUNCATE ON {t} TO ward_app"),
    ("R13", "{t}", "GRANT REFERENCES ON {t} TO ward_app"),
    ("R13", "{t}", "GRANT REFERENCES (tenant) ON {t} TO ward_app"),
    ("R13", "{t}", "GRANT TRIGGER ON {t} TO ward_app"),
    ("R13", "{t}", "GRANT SELECT ON {t} TO ward_app WITH GRANT OPTION"),
    (
        "R14",
        "ward.{n}_seen",
        "CREATE VIEW ward.{n}_seen AS SELECT * FROM {t}; GRANT SELECT ON ward.{n}_seen TO ward_app",
    ),
    (
        "R14",
        "ward.{n}_seen",
        "CREATE VIEW ward.{n}_seen WITH (security_invoker = off, security_barrier) AS SELECT * FROM {t};
                              GRANT SELECT (tenant) ON ward.{n}_seen TO ward_app",
    ),
    (
        "R15",
        "ward.{n}_kept",
        "CREATE MATERIALIZED VIEW ward.{n}_kept AS SELECT * FROM {t}; GRANT SELECT ON ward.{n}_kept TO ward_app",
    ),
    (
        "R17",
        "ward.{n}_read",
        "CREATE FUNCTION ward.{n}_read() RETURNS SETOF {t} LANGUAGE sql SECURITY DEFINER
                              SET search_path = pg_catalog, pg_temp AS 'SELECT * FROM {t}'",
    ),
    (
        "R19",
        "ward.{n}_spy",
        "CREATE FUNCTION ward.{n}_spy({t}) RETURNS boolean LANGUAGE plpgsql LEAKPROOF
                             AS 'BEGIN RAISE NOTICE ''%'', $1; RETURN true; END'",
    ),
    ("R20", "{t}", "GRANT SELECT ON {t} TO PUBLIC"),
    ("R20", "{t}", "GRANT UPDATE ({c}) ON {t} TO PUBLIC"),
    ("R21", "publication {n}_copy", "CREATE PUBLICATION {n}_copy FOR TABLE {t}"),
    ("R22", "{t}", "CREATE RULE twice AS ON INSERT TO {t} DO ALSO NOTIFY {n}"),
    ("R23", "{t}", "ALTER TABLE {t} ADD COLUMN place bigint GENERATED ALWAYS AS IDENTITY"),
    ("R24", "ward.{n}_child", "CREATE TABLE ward.{n}_child () INHERITS ({t})"),
    (
        "R28",
        "{t}",
        "CREATE FUNCTION ward.{n}_tell() RETURNS trigger LANGUAGE plpgsql
             AS 'BEGIN PERFORM pg_notify(''told'', NEW::text); RETURN NULL; END';
         CREATE TRIGGER tell AFTER INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION ward.{n}_tell()",
    ),
];

/// Done to every append-only table.
pub(crate) const OF_EACH_LOG: &[Sabotage] = &[
    ("R27", "{t}", "ALTER TABLE {t} DISABLE TRIGGER append_only"),
    ("R27", "{t}", "ALTER TABLE {t} ENABLE REPLICA TRIGGER never_truncated"),
    ("R27", "{t}", "DROP TRIGGER never_truncated ON {t}"),
    (
        "R27",
        "{t}",
        "CREATE OR REPLACE TRIGGER append_only BEFORE DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION ward.forbid()",
    ),
    (
        "R27",
        "{t}",
        "CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON {t} FOR EACH ROW WHEN (false) EXECUTE FUNCTION ward.forbid()",
    ),
    ("R28", "{t}", "CREATE TRIGGER zealous BEFORE INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION ward.stamp()"),
    ("R27", "{t}", "GRANT UPDATE ({c}) ON {t} TO ward_app"),
    ("R27", "{t}", "GRANT DELETE ON {t} TO ward_app"),
    (
        "R28",
        "ward.forbid()",
        "CREATE OR REPLACE FUNCTION ward.forbid() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    ),
];

/// Done to every declared definer function, `{f}`.
pub(crate) const OF_EACH_DEFINER: &[Sabotage] = &[
    ("R17", "{f}", "ALTER FUNCTION {f} OWNER TO postgres"),
    (
        "R17",
        "{f}",
        "DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('{f}'::regprocedure), 'BEGIN', 'BEGIN PERFORM 1;'); END $do$",
    ),
    ("R18", "{f}", "ALTER FUNCTION {f} RESET search_path"),
    ("R18", "{f}", "ALTER FUNCTION {f} SET search_path = ward, pg_temp"),
    ("R18", "{f}", "ALTER FUNCTION {f} SET search_path = pg_catalog, ward"),
    ("R18", "{f}", "ALTER FUNCTION {f} SET search_path = pg_catalog, \"$user\", pg_temp"),
    ("R18", "{f}", "ALTER FUNCTION {f} SET ward.tenant = '00000000-0000-0000-0000-000000000000'"),
    ("R20", "{f}", "GRANT EXECUTE ON FUNCTION {f} TO PUBLIC"),
];

/// Done once.
pub(crate) const OF_THE_REST: &[Sabotage] = &[
    ("R01", "clinic.visit_2", "ALTER TABLE clinic.visit DETACH PARTITION clinic.visit_1;
                               CREATE TABLE clinic.visit_2 PARTITION OF clinic.visit FOR VALUES WITH (MODULUS 2, REMAINDER 1)"),
    ("R01", "shop.item", "CREATE SCHEMA shop; CREATE TABLE shop.item (tenant uuid NOT NULL, id uuid, PRIMARY KEY (tenant, id))"),
    ("R03", "shop.item", "CREATE SCHEMA shop; CREATE TABLE shop.item (id uuid PRIMARY KEY)"),
    ("R03", "public.item", "CREATE TABLE public.item (id uuid PRIMARY KEY)"),
    ("R04", "shop.item", "CREATE SCHEMA shop; CREATE TABLE shop.item (tenant text NOT NULL)"),
    ("R10", "ward_app", "ALTER ROLE ward_app BYPASSRLS"),
    ("R10", "ward_app", "ALTER ROLE ward_app SUPERUSER"),
    ("R10", "ward_app", "ALTER ROLE ward_app CREATEROLE"),
    ("R10", "ward_app", "ALTER ROLE ward_app REPLICATION"),
    ("R10", "ward_app", "ALTER ROLE ward_app SET ward.tenant = '00000000-0000-0000-0000-000000000000'"),
    ("R10", "ward_app", "ALTER ROLE ward_app SET synchronous_commit = off"),
    ("R10", "ward_app", "ALTER ROLE ward_app IN DATABASE {db} SET synchronous_commit = 'no'"),
    ("R10", "the database", "ALTER DATABASE {db} SET ward.tenant = '00000000-0000-0000-0000-000000000000'"),
    ("R11", "ward_owner", "GRANT ward_owner TO ward_app"),
    ("R11", "pg_read_all_data", "GRANT pg_read_all_data TO ward_app"),
    ("R11", "pg_monitor", "CREATE ROLE middle; GRANT pg_monitor TO middle; GRANT middle TO ward_app"),
    ("R12", "schema clinic", "ALTER SCHEMA clinic OWNER TO ward_app"),
    ("R12", "ward.tenant()", "GRANT CREATE ON SCHEMA ward TO ward_app; ALTER FUNCTION ward.tenant() OWNER TO ward_app"),
    ("R13", "clinic", "GRANT CREATE ON SCHEMA clinic TO ward_app"),
    ("R13", "{db}", "GRANT TEMPORARY ON DATABASE {db} TO PUBLIC"),
    ("R13", "session_replication_role", "GRANT SET ON PARAMETER session_replication_role TO ward_app"),
    ("R15", "clinic.far", "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
                           CREATE FOREIGN TABLE clinic.far (tenant uuid) SERVER s; GRANT SELECT ON clinic.far TO ward_app"),
    ("R16", "clinic.visit_1", "GRANT SELECT ON clinic.visit_1 TO ward_app"),
    ("R18", "clinic.peek()", "CREATE FUNCTION clinic.peek() RETURNS SETOF text LANGUAGE sql
                              SET ward.tenant = '00000000-0000-0000-0000-000000000000' AS 'SELECT body FROM clinic.note'"),
    ("R18", "clinic.peek()", "CREATE FUNCTION clinic.peek() RETURNS SETOF text LANGUAGE sql SET row_security = off AS 'SELECT body FROM clinic.note'"),
    ("R18", "clinic.become(uuid)", "CREATE FUNCTION clinic.become(uuid) RETURNS text LANGUAGE sql
                                    AS 'SELECT set_config(''ward.tenant'', $1::text, true)'"),
    ("R18", "clinic.become(uuid)", "CREATE FUNCTION clinic.become(uuid) RETURNS text LANGUAGE sql
                                    RETURN set_config('ward.tenant', $1::text, true)"),
    ("R18", "clinic.become()", "CREATE PROCEDURE clinic.become() LANGUAGE plpgsql
                                AS 'BEGIN SET LOCAL ward.tenant = ''00000000-0000-0000-0000-000000000000''; END'"),
    ("R20", "clinic", "GRANT USAGE ON SCHEMA clinic TO PUBLIC"),
    ("R21", "publication everything", "CREATE PUBLICATION everything FOR ALL TABLES"),
    ("R23", "clinic.number", "CREATE SEQUENCE clinic.number; GRANT USAGE ON SEQUENCE clinic.number TO ward_app"),
    ("R25", "ward_owner", "ALTER DEFAULT PRIVILEGES FOR ROLE ward_owner IN SCHEMA clinic GRANT SELECT ON TABLES TO ward_app"),
    ("R25", "postgres", "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO PUBLIC"),
    ("R26", "ward.tenant()", "CREATE OR REPLACE FUNCTION ward.tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
                              AS 'SELECT current_setting(''ward.tenant'', true)::uuid'"),
    ("R26", "ward.tenant()", "ALTER FUNCTION ward.tenant() IMMUTABLE"),
    ("R26", "ward.tenant()", "ALTER FUNCTION ward.tenant() OWNER TO postgres"),
    ("R26", "ward.tenant()", "ALTER FUNCTION ward.tenant() SET ward.tenant = '00000000-0000-0000-0000-000000000000'"),
    ("R26", "ward.tenant()", "ALTER FUNCTION ward.tenant() SECURITY DEFINER"),
    ("R26", "ward.tenant(text)", "CREATE FUNCTION ward.tenant(text) RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'"),
    ("R26", "ward.reader", "DROP DOMAIN ward.reader"),
    ("R26", "ward.reader", "ALTER DOMAIN ward.reader DROP CONSTRAINT reader_check"),
    ("R26", "ward.reader", "ALTER DOMAIN ward.reader DROP CONSTRAINT reader_check;
                            ALTER DOMAIN ward.reader ADD CHECK (set_config('ward.tenant', VALUE::text, true) IS NOT NULL)"),
    ("R26", "ward.reader", "ALTER DOMAIN ward.reader ADD CHECK (set_config('ward.tenant', '', true) IS NOT NULL)"),
    ("R26", "ward.reader", "ALTER DOMAIN ward.reader OWNER TO postgres"),
    ("R28", "ward.forbid()", "DO $do$ BEGIN EXECUTE format('CREATE OR REPLACE FUNCTION ward.forbid() RETURNS trigger LANGUAGE plpgsql AS %L',
                              (SELECT prosrc FROM pg_proc WHERE oid = 'ward.stamp()'::regprocedure)); END $do$"),
    ("R27", "ward.audit_leaf", "ALTER TABLE ward.audit_leaf DISABLE TRIGGER stamp"),
    ("R27", "ward.audit_leaf", "ALTER TABLE ward.audit_leaf DROP CONSTRAINT audit_leaf_dated"),
    ("R27", "ward.audit_leaf", "ALTER TABLE ward.audit_leaf DROP CONSTRAINT audit_leaf_dated; ALTER TABLE ward.audit_leaf ADD CHECK (id IS NOT NULL)"),
    ("R27", "ward.audit_leaf", "GRANT INSERT (at) ON ward.audit_leaf TO ward_app"),
    ("R27", "ward.audit_leaf", "GRANT INSERT ON ward.audit_leaf TO ward_app"),
    ("R28", "ward.stamp()", "CREATE OR REPLACE FUNCTION ward.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
    ("R01", "{p}", "ALTER TABLE {p} DISABLE ROW LEVEL SECURITY"),
    ("R07", "{p}", "DROP POLICY tenant ON {p}"),
    ("R16", "{p}", "GRANT SELECT ON {p} TO ward_app"),
    ("R16", "{p}", "ALTER TABLE {p} OWNER TO postgres"),
    ("R16", "{p}", "GRANT INSERT (body) ON {p} TO ward_app"),
    ("R27", "ward.audit_leaf", "GRANT UPDATE ON ward.audit_leaf TO ward_app"),
    ("R27", "ward.audit_leaf", "CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON ward.audit_leaf FOR EACH ROW EXECUTE FUNCTION ward.forbid()"),
    ("R28", "ward.only_erase()", "CREATE OR REPLACE FUNCTION ward.only_erase() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
    ("R27", "{p}", "GRANT UPDATE (source) ON {p} TO ward_app"),
    ("R27", "{p}", "GRANT UPDATE (body) ON {p} TO ward_app"),
    ("R27", "{p}", "ALTER TABLE {p} DISABLE TRIGGER append_only"),
    ("R27", "{p}", "ALTER TABLE {p} ENABLE REPLICA TRIGGER stamp"),
    ("R27", "{p}", "DROP TRIGGER never_truncated ON {p}"),
    ("R28", "{p}", "ALTER TABLE ward.audit_leaf DETACH PARTITION {p}"),
    ("R16", "ward.audit_leaf_1990", "CREATE TABLE ward.audit_leaf_1990 PARTITION OF ward.audit_leaf
                                     FOR VALUES FROM (ward.first_id('1990-01-01Z')) TO (ward.first_id('1991-01-01Z'));
                                     SELECT ward.isolate('ward.audit_leaf_1990'); GRANT SELECT ON ward.audit_leaf_1990 TO ward_app"),
    ("R01", "ward.audit_leaf_1990", "CREATE TABLE ward.audit_leaf_1990 PARTITION OF ward.audit_leaf
                                     FOR VALUES FROM (ward.first_id('1990-01-01Z')) TO (ward.first_id('1991-01-01Z'))"),
    ("R27", "ward.audit_leaf_1990", "CREATE TABLE ward.audit_leaf_1990 PARTITION OF ward.audit_leaf
                                     FOR VALUES FROM (ward.first_id('1990-01-01Z')) TO (ward.first_id('1991-01-01Z'));
                                     SELECT ward.isolate('ward.audit_leaf_1990')"),
    ("R27", "ward.audit_place", "ALTER TABLE ward.audit_place DISABLE TRIGGER append_only"),
    ("R27", "ward.audit_tile", "DROP TRIGGER append_only ON ward.audit_tile"),
    ("R27", "ward.audit_waiting", "GRANT SELECT ON ward.audit_waiting TO ward_app"),
    ("R27", "ward.audit_waiting", "GRANT DELETE ON ward.audit_waiting TO ward_app"),
    ("R28", "ward.audit_place", "DROP TRIGGER only_behind ON ward.audit_place"),
    ("R28", "ward.log_delivery", "ALTER TABLE ward.log_delivery DISABLE TRIGGER only_onward"),
    ("R28", "ward.audit_head", "DROP TRIGGER only_grow ON ward.audit_head"),
    ("R28", "ward.audit_head", "ALTER TABLE ward.audit_head DISABLE TRIGGER only_grow"),
    ("R28", "ward.audit_head", "CREATE OR REPLACE TRIGGER only_grow BEFORE UPDATE OF size ON ward.audit_head
                                FOR EACH ROW EXECUTE FUNCTION ward.only_grow()"),
    ("R28", "ward.only_grow()", "CREATE OR REPLACE FUNCTION ward.only_grow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
    ("R28", "ward.audit_word", "DROP TRIGGER only_found_more ON ward.audit_word"),
    ("R28", "ward.only_found_more()", "CREATE OR REPLACE FUNCTION ward.only_found_more() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
    ("R28", "ward.audit_leaf", "DROP TRIGGER not_before ON ward.audit_leaf"),
    ("R28", "ward.audit_leaf", "ALTER TABLE ward.audit_leaf ENABLE REPLICA TRIGGER not_before"),
    ("R28", "ward.not_before()", "CREATE OR REPLACE FUNCTION ward.not_before() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"),
    ("R17", "ward.leaves_placed", "CREATE OR REPLACE FUNCTION ward.leaves_placed(units uuid[], rejected uuid[]) RETURNS void
                                   LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
                                   AS 'BEGIN DELETE FROM ward.audit_waiting; END'"),
    ("R27", "ward.api_key_lookup", "GRANT SELECT (digest) ON ward.api_key_lookup TO ward_app"),
    ("R27", "ward.job_lease", "GRANT UPDATE ON ward.job_lease TO ward_app"),
    ("R27", "ward.tenant_directory", "GRANT SELECT ON ward.tenant_directory TO PUBLIC"),
    ("R27", "ward.migration", "GRANT INSERT ON ward.migration TO ward_app"),
    ("R28", "ward.api_key", "ALTER TABLE ward.api_key DISABLE TRIGGER keep_revoked"),
    ("R28", "ward.api_key", "DROP TRIGGER keep_revoked ON ward.api_key"),
    ("R28", "ward.api_key", "CREATE OR REPLACE TRIGGER keep_revoked BEFORE UPDATE ON ward.api_key
                             FOR EACH ROW WHEN (OLD.revoked_at IS NULL) EXECUTE FUNCTION ward.keep_revoked()"),
    ("R28", "ward.api_key_lookup", "ALTER TABLE ward.api_key_lookup DISABLE TRIGGER keep_revoked"),
    ("R28", "ward.keep_revoked()", "CREATE OR REPLACE FUNCTION ward.keep_revoked() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
    ("R28", "ward.job_lease", "CREATE TRIGGER late BEFORE INSERT ON ward.job_lease FOR EACH ROW EXECUTE FUNCTION ward.stamp()"),
    ("R28", "clinic.notes", "CREATE TRIGGER told INSTEAD OF INSERT ON clinic.notes FOR EACH ROW EXECUTE FUNCTION ward.forbid()"),
];
