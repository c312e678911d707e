, definer AS (
    SELECT f.*, to_regprocedure(e.j ->> 'function') IS NOT NULL AS known
    FROM function f LEFT JOIN (SELECT e.j FROM declared d, jsonb_array_elements(d.j -> 'definers') e(j)) e
         ON to_regprocedure(e.j ->> 'function') = f.oid
    WHERE f.prosecdef
),
pinned AS (
    SELECT f.name, f.proconfig, p.path
    FROM function f, LATERAL (SELECT string_to_array(substr(f.proconfig[1], length('search_path=') + 1), ', ') AS path) p
    WHERE f.prosecdef
),
-- Append-only tables, each with all its partitions: a statement trigger binds only the table it is on.
append_only AS MATERIALIZED (
    SELECT e.j ->> 'table' AS name, e.j ->> 'stamped' AS stamped, e.j ->> 'erased' AS erased, e.j ->> 'check' AS "check", t.oid
    FROM declared d, jsonb_array_elements(d.j -> 'append_only') e(j),
         LATERAL (SELECT to_regclass(e.j ->> 'table')::oid AS oid
                  UNION SELECT p.relid::oid FROM pg_partition_tree(to_regclass(e.j ->> 'table')) p) t
),
guard AS MATERIALIZED (
    SELECT 'R27' AS rule, a.oid, format('CREATE TRIGGER ' || g.says, a.oid::regclass,
               CASE WHEN a.erased IS NULL THEN 'forbid' ELSE 'only_erase' END) AS definition
    FROM append_only a, (VALUES ('append_only BEFORE DELETE OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION ward.%s()', false),
                                ('never_truncated BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION ward.forbid()', false),
                                ('stamp BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION ward.stamp()', true)) g(says, stamps)
    WHERE a.oid IS NOT NULL AND (a.stamped IS NOT NULL OR NOT g.stamps)
    UNION ALL
    SELECT 'R28', to_regclass(e.j ->> 'table'), e.j ->> 'definition' FROM declared d, jsonb_array_elements(d.j -> 'triggers') e(j)
),
trigger AS MATERIALIZED (
    SELECT r.name, t.tgname, t.tgrelid, t.tgfoid, t.tgenabled, pg_get_triggerdef(t.oid) AS definition
    FROM pg_trigger t JOIN rel r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
),
reader AS (
    SELECT t.typbasetype, t.typowner, ARRAY(SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c WHERE c.contypid = t.oid) AS checks
    FROM pg_type t WHERE t.oid = to_regtype('ward.reader')
)
SELECT DISTINCT 'R14' AS rule, r.name AS object, 'runs with its owner''s rights: no security_invoker' AS detail
FROM rel r JOIN held h ON h.oid = r.oid WHERE r.relkind = 'v' AND NOT r.exempt AND NOT EXISTS (
    SELECT FROM pg_options_to_table(r.reloptions) o WHERE o.option_name = 'security_invoker' AND o.option_value::boolean)
UNION ALL
SELECT DISTINCT 'R15', r.name, CASE r.relkind WHEN 'm' THEN 'a materialised view' ELSE 'a foreign table' END || ' has no policies: ' || h.what
FROM rel r JOIN held h ON h.oid = r.oid WHERE r.relkind IN ('m', 'f') AND NOT r.exempt
UNION ALL
SELECT 'R17', name, 'SECURITY DEFINER, and not declared' FROM definer WHERE NOT known
UNION ALL
SELECT 'R17', name, 'its body is not the declared one' FROM definer f
WHERE known AND f.prosrc IS DISTINCT FROM f.declared
UNION ALL
SELECT 'R17', f.name, format('its owner %s escapes row-level security', r.rolname)
FROM definer f JOIN pg_roles r ON r.oid = f.proowner WHERE r.rolsuper OR r.rolbypassrls
UNION ALL
SELECT 'R18', name, 'its search_path is not pinned from pg_catalog to pg_temp' FROM pinned p
WHERE p.proconfig IS NULL OR cardinality(p.proconfig) <> 1 OR p.proconfig[1] NOT LIKE 'search\_path=%' OR p.path[1] <> 'pg_catalog'
   OR cardinality(p.path) < 2 OR p.path[cardinality(p.path)] <> 'pg_temp'
   OR EXISTS (SELECT FROM unnest(p.path[2:cardinality(p.path) - 1]) x(n) WHERE x.n NOT IN (SELECT quote_ident(nspname) FROM schema))
UNION ALL
SELECT 'R18', f.name, 'sets ' || c.setting FROM function f, unnest(f.proconfig) c(setting), wall WHERE c.setting ~* wall.setting
UNION ALL
SELECT 'R18', name, 'sets the tenant' FROM function
WHERE coalesce(pg_get_function_sqlbody(oid), prosrc) ~* '''ward\.tenant''|\mset\s+((local|session)\s+)?ward\.'
  AND oid IS DISTINCT FROM to_regprocedure('ward.tenant()')
UNION ALL
SELECT 'R19', name, 'LEAKPROOF: it may see rows before the policy does' FROM function WHERE proleakproof
UNION ALL
SELECT 'R21', format('publication %s', p.pubname), 'copies rows past every policy'
FROM pg_publication p, declared d WHERE NOT d.j -> 'publications' ? p.pubname
UNION ALL
SELECT 'R26', 'ward.tenant()', 'is missing' WHERE to_regprocedure('ward.tenant()') IS NULL
UNION ALL
SELECT 'R26', f.name, 'another function of that name' FROM function f
WHERE f.name LIKE 'ward.tenant(%' AND f.oid <> coalesce(to_regprocedure('ward.tenant()')::oid, 0)
UNION ALL
SELECT 'R26', f.name, x.what || ' is not the canonical one'
FROM function f, declared d, LATERAL (VALUES
    (pg_get_function_sqlbody(f.oid) IS DISTINCT FROM d.j ->> 'tenant', 'its body'),
    (f.prolang <> (SELECT oid FROM pg_language WHERE lanname = 'sql'), 'its language'), (f.prorettype <> 'uuid'::regtype, 'its type'),
    (f.provolatile <> 's', 'its volatility'), (f.proowner::regrole::text <> d.j ->> 'owner', 'its owner'),
    (f.proparallel <> 's' OR f.proconfig IS NOT NULL OR f.prosecdef OR f.proleakproof OR f.proisstrict OR f.proretset, 'one of its settings')) x(bad, what)
WHERE f.oid = to_regprocedure('ward.tenant()') AND x.bad
UNION ALL
SELECT 'R26', 'ward.reader', 'is missing' WHERE NOT EXISTS (SELECT FROM reader)
UNION ALL
SELECT 'R26', 'ward.reader', x.what || ' is not the canonical one'
FROM reader r, declared d, LATERAL (VALUES
    (r.checks <> ARRAY[d.j ->> 'reader'], 'its check'), (r.typbasetype <> 'uuid'::regtype, 'its type'),
    (r.typowner::regrole::text <> d.j ->> 'owner', 'its owner')) x(bad, what)
WHERE x.bad
UNION ALL
SELECT 'R27', name, 'the declared table is missing' FROM append_only WHERE oid IS NULL
UNION ALL
SELECT 'R27', h.name, h.what || coalesce(format(' on column `%s`', h.col), '') || ' is granted on an append-only table'
FROM append_only a JOIN held h ON h.oid = a.oid
WHERE h.what = 'DELETE' OR h.what = 'UPDATE' AND NOT coalesce(h.col = a.erased AND a.oid = to_regclass(a.name), false) OR h.what = 'INSERT' AND a.stamped IS NOT NULL AND coalesce(h.col, a.stamped) = a.stamped
UNION ALL
SELECT 'R27', a.oid::regclass::text, 'missing or altered: ' || a."check"
FROM append_only a WHERE a.oid IS NOT NULL AND a."check" IS NOT NULL AND a."check" <> ALL (ARRAY(
    SELECT replace(pg_get_constraintdef(c.oid), ' NOT VALID', '') FROM pg_constraint c WHERE c.conrelid = a.oid AND c.contype = 'c'))
UNION ALL
SELECT g.rule, coalesce(g.oid::regclass::text, 'no table'), 'missing, altered or disabled: ' || g.definition
FROM guard g WHERE NOT EXISTS (
    SELECT FROM trigger t WHERE t.tgrelid = g.oid AND t.definition = g.definition AND t.tgenabled IN ('O', 'A'))
UNION ALL
SELECT 'R28', t.name, format('trigger `%s` is not declared', t.tgname)
FROM trigger t WHERE NOT EXISTS (SELECT FROM guard g WHERE g.oid = t.tgrelid AND g.definition = t.definition)
UNION ALL
SELECT 'R28', f.name, 'a trigger runs it, and its body is not the declared one' FROM function f
WHERE f.oid IN (SELECT tgfoid FROM trigger) AND f.prosrc IS DISTINCT FROM f.declared
UNION ALL
SELECT 'R27', h.name, h.what || ' is granted on a table that only declared functions may reach'
FROM held h JOIN exempt e ON e.oid = h.oid WHERE h.relkind IN ('r', 'p') AND h.what <> ALL (e.allows)
