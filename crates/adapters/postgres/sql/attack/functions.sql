-- Every function that the current role may call, those aside that are declared to cross tenants, belong to an extension, or answer nothing.
WITH crossing AS (
    SELECT to_regprocedure(e ->> 'function')::oid AS oid
    FROM jsonb_array_elements(current_setting('ward.declared')::jsonb -> 'definers') e WHERE (e ->> 'crosses')::boolean
)
SELECT format('%I.%I', n.nspname, p.proname) AS name,
       ARRAY(SELECT format_type(t.type, NULL) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY t(type, place) ORDER BY t.place) AS arguments,
       p.oid IN (SELECT oid FROM crossing WHERE oid IS NOT NULL) AS crosses
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND p.prokind = 'f'
  AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND has_function_privilege(p.oid, 'EXECUTE') AND has_schema_privilege(n.oid, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = ANY (p.proargtypes::oid[]) AND t.typtype = 'p')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1, 2
