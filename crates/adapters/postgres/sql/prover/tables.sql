, policy AS (
    SELECT t.name, p.polname, p.polpermissive, p.polcmd, p.polroles, x.what, x.says
    FROM tenant_table t JOIN pg_policy p ON p.polrelid = t.oid,
         LATERAL (VALUES ('USING', pg_get_expr(p.polqual, p.polrelid)),
                         ('WITH CHECK', pg_get_expr(p.polwithcheck, p.polrelid))) x(what, says)
),
unique_index AS (
    SELECT t.name, t.tenant, i.indexrelid::regclass::text AS index, i.indisexclusion, k.columns, c.conexclop
    FROM tenant_table t JOIN pg_index i ON i.indrelid = t.oid AND (i.indisunique OR i.indisexclusion)
         LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'x',
         LATERAL (SELECT (i.indkey::int2[])[0:i.indnkeyatts - 1] AS columns) k
)
SELECT 'R01' AS rule, name AS object, 'row-level security is off' AS detail FROM tenant_table WHERE NOT relrowsecurity
UNION ALL
SELECT 'R02', name, 'row-level security is not forced on the owner' FROM tenant_table WHERE NOT relforcerowsecurity
UNION ALL
SELECT 'R03', name, 'no column `tenant`, and not declared exempt' FROM tenant_table WHERE tenant IS NULL
UNION ALL
SELECT 'R04', name, 'column `tenant` may be null' FROM tenant_table WHERE tenant IS NOT NULL AND NOT attnotnull
UNION ALL
SELECT 'R04', name, 'column `tenant` is of type ' || format_type(atttypid, NULL)
FROM tenant_table WHERE tenant IS NOT NULL AND atttypid <> 'uuid'::regtype
UNION ALL
SELECT 'R05', p.name, format('%s of policy `%s` is %s', p.what, p.polname, coalesce(p.says, 'missing'))
FROM policy p, declared d WHERE p.says IS NULL OR NOT d.j -> 'policies' ? p.says
UNION ALL
SELECT DISTINCT 'R06', name, format('policy `%s` is not TO PUBLIC', polname) FROM policy WHERE polroles <> '{0}'
UNION ALL
SELECT 'R07', t.name, format('%s permissive policies, %s of them FOR ALL', count(p.*), count(p.*) FILTER (WHERE p.polcmd = '*'))
FROM tenant_table t LEFT JOIN pg_policy p ON p.polrelid = t.oid AND p.polpermissive
GROUP BY t.name HAVING count(p.*) <> 1 OR count(p.*) FILTER (WHERE p.polcmd = '*') <> 1
UNION ALL
SELECT 'R08', name, format('unique index %s lacks `tenant`', index)
FROM unique_index WHERE NOT indisexclusion AND tenant <> ALL (columns)
UNION ALL
SELECT 'R08', name, format('exclusion %s does not compare `tenant` for equality', index)
FROM unique_index WHERE indisexclusion AND NOT EXISTS (
    SELECT FROM unnest(columns, conexclop) x(col, op) WHERE x.col = tenant AND x.op = '=(uuid, uuid)'::regoperator)
UNION ALL
SELECT 'R09', f.conrelid::regclass::text,
       format('foreign key `%s` to %s does not pair `tenant` with `tenant`', f.conname, f.confrelid::regclass)
FROM pg_constraint f
WHERE f.contype = 'f' AND EXISTS (SELECT FROM tenant_table t WHERE t.oid IN (f.conrelid, f.confrelid))
  AND NOT EXISTS (
    SELECT FROM unnest(f.conkey, f.confkey) k(here, there)
    JOIN pg_attribute h ON h.attrelid = f.conrelid AND h.attnum = k.here AND h.attname = 'tenant'
    JOIN pg_attribute o ON o.attrelid = f.confrelid AND o.attnum = k.there AND o.attname = 'tenant')
UNION ALL
SELECT DISTINCT 'R16', r.name, 'a partition can be reached past its parent: ' || h.what
FROM rel r JOIN held h ON h.oid = r.oid WHERE r.relispartition
UNION ALL
SELECT 'R16', r.name, format('a partition belongs to %s', r.relowner::regrole)
FROM rel r JOIN pg_inherits i ON i.inhrelid = r.oid JOIN pg_class p ON p.oid = i.inhparent WHERE r.relispartition AND r.relowner <> p.relowner
UNION ALL
SELECT 'R22', r.name, format('rule `%s` rewrites statements', w.rulename)
FROM pg_rewrite w JOIN rel r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
UNION ALL
SELECT 'R23', t.name, format('column `%s` counts rows of all tenants', a.attname)
FROM tenant_table t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attidentity <> ''
UNION ALL
SELECT 'R24', r.name, format('inherits from %s', i.inhparent::regclass)
FROM pg_inherits i JOIN rel r ON r.oid = i.inhrelid WHERE NOT r.relispartition
