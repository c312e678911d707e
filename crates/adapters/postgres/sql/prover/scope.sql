-- What every rule looks at. `ward.declared` holds the declaration as JSON; search_path is pg_catalog, so that names
-- print with their schema and no operator of anybody else's can pass for a built-in one.
WITH declared AS MATERIALIZED (SELECT current_setting('ward.declared')::jsonb AS j),
app AS MATERIALIZED (SELECT r.* FROM pg_roles r, declared d WHERE r.rolname = d.j ->> 'app'),
-- Settings that no session and no function may bring along.
wall AS MATERIALIZED (SELECT '^(ward\.|(role|session_authorization|session_replication_role|row_security)=|synchronous_commit=(off|false|no|0)$)'::text AS setting),
schema AS MATERIALIZED (
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
),
exempt AS MATERIALIZED (
    SELECT to_regclass(e ->> 'relation')::oid AS oid,
           ARRAY(SELECT jsonb_array_elements_text(e -> 'allows')) AS allows
    FROM declared d, jsonb_array_elements(d.j -> 'exempt') e
),
rel AS MATERIALIZED (
    SELECT c.oid, format('%I.%I', s.nspname, c.relname) AS name, c.relkind, c.relowner, c.relacl, c.relispartition,
           c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.oid IN (SELECT oid FROM exempt WHERE oid IS NOT NULL) AS exempt
    FROM pg_class c JOIN schema s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
),
tenant_table AS MATERIALIZED (
    SELECT rel.*, a.attnum AS tenant, a.atttypid, a.attnotnull
    FROM rel LEFT JOIN pg_attribute a ON a.attrelid = rel.oid AND a.attname = 'tenant' AND NOT a.attisdropped
    WHERE rel.relkind IN ('r', 'p') AND NOT rel.exempt
),
-- What the app role holds on relations and columns, by name or as anybody.
held AS MATERIALIZED (
    SELECT rel.oid, rel.name, rel.relkind, NULL::name AS col, a.privilege_type AS what, a.is_grantable, a.grantee = 0 AS public
    FROM rel, aclexplode(coalesce(rel.relacl,
        acldefault((CASE rel.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", rel.relowner))) a
    WHERE a.grantee = 0 OR a.grantee = (SELECT oid FROM app)
    UNION ALL
    SELECT rel.oid, rel.name, rel.relkind, t.attname, a.privilege_type, a.is_grantable, a.grantee = 0
    FROM rel JOIN pg_attribute t ON t.attrelid = rel.oid AND NOT t.attisdropped, aclexplode(t.attacl) a
    WHERE a.grantee = 0 OR a.grantee = (SELECT oid FROM app)
),
function AS MATERIALIZED (
    SELECT p.*, p.oid::regprocedure::text AS name, d.j -> 'bodies' ->> format('%I.%I', s.nspname, p.proname) AS declared
    FROM declared d, pg_proc p JOIN schema s ON s.oid = p.pronamespace
)
