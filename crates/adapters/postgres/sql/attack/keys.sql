-- What is unique in a table, the tenant aside; the primary key first.
SELECT i.indrelid::regclass::text AS name, c.relname::text AS index,
       ARRAY(SELECT quote_ident(a.attname) FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) WITH ORDINALITY k(n, place)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n AND a.attname <> 'tenant' ORDER BY k.place) AS columns
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE (i.indisunique OR i.indisexclusion) AND 0 <> ALL (i.indkey::int2[])
ORDER BY i.indisprimary DESC, i.indexrelid
