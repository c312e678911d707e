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
    SELECT e.j ->> 'table' AS name, e.j ->> 'stamped' AS stamped, t.oid
    FROM declared d, jsonb_array_elements(d.j -> 'append_only') e(j),
         LATERAL (SELECT to_regclass(e.j ->> 'table')::oid AS oid
                  UNION SELECT p.relid::oid FROM pg_partition_tree(to_regclass(e.j ->> 'table')) p) t
),
guard AS (
    SELECT a.oid, a.name, g.trigger, g.function, g.kind
    FROM append_only a, (VALUES ('append_only', 'ward.forbid()', 27), ('never_truncated', 'ward.forbid()', 34),
                                ('stamp', 'ward.stamp()', 7)) g(trigger, function, kind)
    WHERE a.oid IS NOT NULL AND (g.trigger <> 'stamp' OR a.stamped IS NOT NULL)
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
WHERE known AND (f.prosrc = '' OR NOT EXISTS (SELECT FROM source s WHERE strpos(s.text, '$$' || f.prosrc || '$$') > 0))
UNION ALL
SELECT 'R17', f.name, format('its owner %s escapes row-level security', r.rolname)
FROM definer f JOIN pg_roles r ON r.oid = f.proowner WHERE r.rolsuper OR r.rolbypassrls
UNION ALL
SELECT 'R18', name, 'its search_path is not pinned from pg_catalog to pg_temp' FROM pinned p
WHERE p.proconfig IS NULL OR cardinality(p.proconfig) <> 1 OR p.proconfig[1] NOT LIKE 'search\_path=%' OR p.path[1] <> 'pg_catalog'
   OR cardinality(p.path) < 2 OR p.path[cardinality(p.path)] <> 'pg_temp'
   OR EXISTS (SELECT FROM unnest(p.path[2:cardinality(p.path) - 1]) x(n) WHERE x.n NOT IN (SELECT quote_ident(nspname) FROM schema))
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
    (f.prosrc IS DISTINCT FROM d.j ->> 'tenant', 'its body'), (f.prosqlbody IS NOT NULL, 'its form'),
    (f.prolang <> (SELECT oid FROM pg_language WHERE lanname = 'sql'), 'its language'), (f.prorettype <> 'uuid'::regtype, 'its type'),
    (f.provolatile <> 's', 'its volatility'), (f.proowner::regrole::text <> d.j ->> 'owner', 'its owner'),
    (f.proparallel <> 's' OR f.proconfig IS NOT NULL OR f.prosecdef OR f.proleakproof OR f.proisstrict OR f.proretset, 'one of its settings')) x(bad, what)
WHERE f.oid = to_regprocedure('ward.tenant()') AND x.bad
UNION ALL
SELECT 'R27', name, 'the declared table is missing' FROM append_only WHERE oid IS NULL
UNION ALL
SELECT 'R27', h.name, h.what || coalesce(format(' on column `%s`', h.col), '') || ' is granted on an append-only table'
FROM append_only a JOIN held h ON h.oid = a.oid
WHERE h.what IN ('UPDATE', 'DELETE') OR h.what = 'INSERT' AND a.stamped IS NOT NULL AND coalesce(h.col, a.stamped) = a.stamped
UNION ALL
SELECT 'R27', g.oid::regclass::text, format('trigger `%s` is missing, altered or disabled', g.trigger)
FROM guard g WHERE NOT EXISTS (
    SELECT FROM pg_trigger t WHERE t.tgrelid = g.oid AND t.tgname = g.trigger AND t.tgfoid = to_regprocedure(g.function)
      AND t.tgtype = g.kind AND t.tgenabled IN ('O', 'A') AND t.tgqual IS NULL AND cardinality(t.tgattr::int2[]) = 0)
UNION ALL
SELECT 'R27', a.oid::regclass::text, format('trigger `%s` is not declared', t.tgname)
FROM append_only a JOIN pg_trigger t ON t.tgrelid = a.oid
WHERE NOT t.tgisinternal AND NOT EXISTS (SELECT FROM guard g WHERE g.oid = a.oid AND g.trigger = t.tgname)
UNION ALL
SELECT 'R27', f.name, 'its body is not the declared one' FROM function f
WHERE f.oid IN (to_regprocedure('ward.forbid()'), to_regprocedure('ward.stamp()'))
  AND NOT EXISTS (SELECT FROM source s WHERE strpos(s.text, '$$' || f.prosrc || '$$') > 0)
UNION ALL
SELECT 'R27', h.name, h.what || ' is granted on a table that only declared functions may reach'
FROM held h JOIN exempt e ON e.oid = h.oid WHERE h.relkind IN ('r', 'p') AND h.what <> ALL (e.allows)
