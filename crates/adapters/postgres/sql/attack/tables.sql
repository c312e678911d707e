-- Every tenant table, with what the current role may write in it. Of partitions the one that was made last: R16 proves that the others are
-- like it.
WITH exempt AS (
    SELECT to_regclass(e ->> 'relation')::oid AS oid
    FROM jsonb_array_elements(current_setting('ward.declared')::jsonb -> 'exempt') e
)
SELECT c.oid::regclass::text AS name,
       ARRAY(SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             AND has_column_privilege(c.oid, a.attnum, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE') ORDER BY a.attnum) AS columns,
       ARRAY(SELECT format_type(a.atttypid, NULL) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             AND has_column_privilege(c.oid, a.attnum, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE') ORDER BY a.attnum) AS types,
       ARRAY(SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             AND a.attgenerated = '' AND a.attidentity <> 'a' AND has_column_privilege(c.oid, a.attnum, 'INSERT')
             ORDER BY a.attnum) AS insertable,
       coalesce((SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             AND a.attgenerated = '' AND has_column_privilege(c.oid, a.attnum, 'UPDATE') ORDER BY a.attnum LIMIT 1), 'tenant') AS updatable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND c.oid NOT IN (SELECT oid FROM exempt WHERE oid IS NOT NULL)
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND a.atttypid = 'uuid'::regtype)
  AND NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_inherits later ON later.inhparent = i.inhparent AND later.inhrelid > i.inhrelid
                  WHERE i.inhrelid = c.oid AND c.relispartition)
ORDER BY 1
