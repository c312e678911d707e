-- Whatever else the current role may select from.
WITH exempt AS (
    SELECT to_regclass(e ->> 'relation')::oid AS oid
    FROM jsonb_array_elements(current_setting('ward.declared')::jsonb -> 'exempt') e
)
SELECT c.oid::regclass::text AS name,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND a.atttypid = 'uuid'::regtype) AS tenant
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.oid NOT IN (SELECT oid FROM exempt WHERE oid IS NOT NULL)
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_any_column_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
  AND NOT (c.relkind IN ('r', 'p') AND EXISTS (
      SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND a.atttypid = 'uuid'::regtype))
ORDER BY 1
